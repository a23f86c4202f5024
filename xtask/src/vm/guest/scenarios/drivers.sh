# Two drivers at once, on four CPUs, from load to unload; then the module is removed.
record_begin all
e1000_attach
edu_attach
edu_work &
edu=$!
e1000_work
wait $edu || fail "edu"
e1000_detach
edu_detach
record_end

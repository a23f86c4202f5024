# All devices at once, on four CPUs, each from load to unload; then the module is removed.
prepare virtio_blk
record_begin --all
together e1000 edu nvme ahci xhci intel_hda virtio_blk
record_end

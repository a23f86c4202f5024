# A sound card: the driver finds the codec and its widgets.
intel_hda_attach() {
    load snd_hda_codec_generic
    load snd_hda_intel || fail "snd_hda_intel does not load"
    wait_for 20 test -e /proc/asound/card0/codec#0 || fail "no codec"
}
intel_hda_work() { cat /proc/asound/card0/codec#0 > /dev/null; }
intel_hda_detach() { rmmod snd_hda_intel; }

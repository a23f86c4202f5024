driver=uio_pci_generic
load uio_pci_generic || fail "uio_pci_generic does not load"

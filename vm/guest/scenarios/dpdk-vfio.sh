driver=vfio-pci
load vfio_iommu_type1 || fail "vfio_iommu_type1 does not load"
load vfio_pci || fail "vfio_pci does not load"

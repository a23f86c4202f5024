"""Address and name of every register of CMSIS-SVD files, as cmsis-svd has them.

    python3 svd_names.py FOLDER FILE...

writes FOLDER/NAME.names for each file: a line `ADDRESS PERIPHERAL.NAME` for each register.
cmsis-svd adds the offset of the innermost cluster only, and leaves `%s` in names of arrays without
a dimIndex: both are made up for here.
"""

import enum
import os
import sys

from cmsis_svd import model, parser


def lenient():
    """A word that the schema does not know makes cmsis-svd give up; no name depends on one."""
    for value in vars(model).values():
        if isinstance(value, type) and issubclass(value, enum.Enum) and value is not enum.Enum:
            value._missing_ = classmethod(lambda cls, _: next(iter(cls)))


def elements(thing, many):
    """The elements of an array with their names, or the thing itself."""
    if not hasattr(thing, many):
        yield thing.name, thing
        return
    for number, one in enumerate(getattr(thing, many)):
        yield one.name.replace("%s", str(number)), one


def registers(thing, base, prefix):
    if isinstance(thing, (model.SVDRegister, model.SVDRegisterArray)):
        for name, one in elements(thing, "registers"):
            yield base + one.address_offset, prefix + name
        return
    clusters = [thing] if isinstance(thing, model.SVDRegisterCluster) else thing.clusters
    for number, cluster in enumerate(clusters):
        name = cluster.name.replace("%s", str(number))
        for one in cluster.registers:
            # These have the cluster's offset and name already.
            for at, full in registers(one, base, prefix):
                yield at, full.replace("%s", str(number))
        for one in cluster.clusters:
            yield from registers(one, base + cluster.address_offset, prefix + name + "_")


def write(path, out):
    device = parser.SVDParser.for_xml_file(path).get_device()
    for thing in device.peripherals:
        for name, peripheral in elements(thing, "peripherals"):
            for register in peripheral.registers or []:
                for at, full in registers(register, peripheral.base_address, ""):
                    out.write(f"{at:#x} {name}.{full}\n")


def main():
    lenient()
    folder = sys.argv[1]
    for path in sys.argv[2:]:
        target = os.path.join(folder, os.path.basename(path) + ".names")
        try:
            with open(target + ".part", "w", encoding="utf-8") as out:
                write(path, out)
            os.rename(target + ".part", target)
        except Exception as error:  # cmsis-svd gives up in many ways
            print(f"{path}: cmsis-svd gives up: {error!r}", file=sys.stderr)


main()

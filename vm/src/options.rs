//! Arguments of the rig's commands.

use crate::devices::Device;
use crate::kernel::Series;
use host::error::Result;
use std::path::PathBuf;

/// What the commands take; each reads its own part.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) kernels: Vec<Series>,
    pub(crate) devices: Vec<&'static Device>,
    pub(crate) output: Option<PathBuf>,
    pub(crate) cpus: u32,
    pub(crate) refresh: bool,
    pub(crate) all: bool,
    pub(crate) scenarios: Vec<String>,
    /// How the version of QEMU begins; the newest without.
    pub(crate) qemu: Option<String>,
    /// How many boots.
    pub(crate) count: u32,
}

impl Options {
    pub(crate) fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self {
            kernels: Vec::new(),
            devices: Vec::new(),
            output: None,
            cpus: 4,
            refresh: false,
            all: false,
            scenarios: Vec::new(),
            qemu: None,
            count: 20,
        };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let mut value = || {
                rest.next()
                    .ok_or_else(|| format!("{argument} needs a value"))
            };
            match argument.as_str() {
                "--kernel" => options.add_kernel(value()?)?,
                "--device" => options.devices.push(Device::from_name(value()?)?),
                "--scenario" => options.scenarios.push(value()?.clone()),
                "-o" | "--output" => options.output = Some(PathBuf::from(value()?)),
                "--cpus" => options.cpus = value()?.parse().map_err(|_| "--cpus takes a number")?,
                "--qemu" => options.qemu = Some(value()?.clone()),
                "--refresh" => options.refresh = true,
                "--all" => options.all = true,
                "--quick" => options.all = false,
                number if number.parse::<u32>().is_ok() => {
                    options.count = number.parse().unwrap_or_default();
                }
                other => return Err(format!("unknown argument {other}").into()),
            }
        }
        if options.kernels.is_empty() {
            options.kernels.extend(Series::ALL);
        }
        Ok(options)
    }

    fn add_kernel(&mut self, name: &str) -> Result<()> {
        if name == "all" {
            self.kernels.extend(Series::ALL);
        } else {
            let known = Series::ALL.map(Series::as_str).join(", ");
            self.kernels.push(
                Series::from_name(name)
                    .ok_or_else(|| format!("no kernel {name}; there are: {known}"))?,
            );
        }
        Ok(())
    }

    /// The one kernel of commands that boot once.
    pub(crate) fn kernel(&self) -> Series {
        self.kernels.first().copied().unwrap_or(Series::V6_1)
    }

    /// The device that was asked for; e1000 where none was.
    pub(crate) fn device(&self) -> Result<&'static Device> {
        self.devices
            .first()
            .copied()
            .map_or_else(|| Device::from_name("e1000"), Ok)
    }
}

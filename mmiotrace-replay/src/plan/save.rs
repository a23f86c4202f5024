//! From a plan to TOML: one step a line.

use super::number::{Hex, Micros, Printed};
use super::{Action, Expect, PLAN_VERSION, Plan, Points, Poll, Read, Step, Transfer, Write};
use core::fmt::{self, Write as _};
use mmiotrace_core::{Printable, Width};

/// What stands at the top of every plan.
const HEAD: &str = "\
# A replay plan. One step a line; edit freely. Numbers are decimal or 0x…; a width that is not
# given is 4 bytes. Steps:
#   { write = \"bar0+0x10\", value = 0x1 }            one write
#   { read = \"bar0+0x10\", expect = 0x1 }            one read; expect_mask says which bits count
#   { poll = \"bar0+0x14\", mask = 0x1, value = 0x0 } read until (register & mask) == value
#   { upload / download / fill / delay_us / mark / skip / stop }
# pacing of a section: recorded, scaled FACTOR, delays (only delay_us steps), none.
";

impl Plan {
    /// The plan as a TOML file. [`from_toml`](Self::from_toml) gives it back.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut out = String::with_capacity(256 + self.len() * 80);
        // Writing into a string does not fail.
        let _ = Saver { plan: self }.save(&mut out);
        out
    }
}

/// Text as a TOML string.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for character in self.0.chars() {
            match character {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                // TOML asks for it up to DEL; the others would steer a terminal.
                c if !Printable::shows(c) => match u32::from(c) {
                    code @ 0..=0xffff => write!(f, "\\u{code:04x}")?,
                    code => write!(f, "\\U{code:08x}")?,
                },
                c => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}

struct Saver<'a> {
    plan: &'a Plan,
}

impl Saver<'_> {
    fn save(&self, out: &mut String) -> fmt::Result {
        let plan = self.plan;
        write!(
            out,
            "{HEAD}plan = {PLAN_VERSION}\ntrace = {}\n",
            Quoted(&plan.trace)
        )?;
        if !plan.on_abort.is_empty() {
            out.write_str("# Done when a run is broken off.\non_abort = [\n")?;
            self.steps(&plan.on_abort, out)?;
            out.write_str("]\n")?;
        }
        for device in &plan.devices {
            write!(out, "\n[[device]]\nname = {}\n", Quoted(&device.name))?;
            writeln!(
                out,
                "vendor = {:#06x}\ndevice = {:#06x}",
                device.vendor, device.device
            )?;
            writeln!(
                out,
                "recorded_at = {}\ndriver = {}",
                Quoted(&device.recorded_at),
                Quoted(&device.driver)
            )?;
        }
        for region in &plan.regions {
            write!(out, "\n[[region]]\nname = {}\n", Quoted(&region.name))?;
            if let Some(device) = &region.device {
                writeln!(out, "device = {}", Quoted(device))?;
            }
            if let Some(bar) = region.bar {
                writeln!(out, "bar = {bar}")?;
            }
            writeln!(
                out,
                "recorded_base = {}\nlen = {}",
                Hex(region.recorded_base.0),
                Hex(region.len)
            )?;
        }
        if !plan.names.is_empty() {
            out.write_str("\n[names]\n")?;
        }
        for (place, name) in &plan.names {
            let place = place.named(&plan.regions).to_string();
            writeln!(out, "{} = {}", Quoted(&place), Quoted(name))?;
        }
        self.unknowable(out)?;
        for forbidden in &plan.forbidden {
            let place = forbidden.place.named(&plan.regions).to_string();
            write!(
                out,
                "\n[[forbidden]]\nplace = {}\nlen = {}\n",
                Quoted(&place),
                Hex(forbidden.len)
            )?;
            writeln!(out, "why = {}", Quoted(&forbidden.why))?;
        }
        for read in &plan.preconditions {
            let place = read.place.named(&plan.regions).to_string();
            write!(out, "\n[[precondition]]\nread = {}\n", Quoted(&place))?;
            if read.width != Width::W4 {
                writeln!(out, "width = {}", read.width)?;
            }
            if let Some(expect) = &read.expect {
                writeln!(out, "expect = {}", Printed(&expect.value))?;
                if !expect.is_exact() {
                    writeln!(out, "expect_mask = {}", Printed(&expect.mask))?;
                }
                writeln!(out, "why = {}", Quoted(&expect.why))?;
            }
        }
        for section in &plan.sections {
            write!(out, "\n[[section]]\nname = {}\n", Quoted(&section.name))?;
            writeln!(
                out,
                "line = {}\npacing = \"{}\"\nsteps = [",
                section.line, section.pacing
            )?;
            self.steps(&section.steps, out)?;
            out.write_str("]\n")?;
        }
        Ok(())
    }

    fn unknowable(&self, out: &mut String) -> fmt::Result {
        for unknowable in &self.plan.unknowable {
            write!(
                out,
                "\n[[unknowable]]\nkind = \"{}\"\ntext = {}\n",
                unknowable.kind,
                Quoted(&unknowable.text)
            )?;
            if unknowable.signs == 0 {
                continue;
            }
            writeln!(out, "signs = {}\nevidence = [", unknowable.signs)?;
            for evidence in &unknowable.evidence {
                write!(out, "  {{ line = {}", evidence.line)?;
                if let Some(place) = evidence.place {
                    let place = place.named(&self.plan.regions).to_string();
                    write!(out, ", place = {}", Quoted(&place))?;
                }
                if let Some(value) = evidence.value {
                    width(value.width(), out)?;
                    write!(out, ", value = {}", Printed(&value))?;
                }
                out.write_str(" },\n")?;
            }
            out.write_str("]\n")?;
        }
        Ok(())
    }

    fn steps(&self, steps: &[Step], out: &mut String) -> fmt::Result {
        for step in steps {
            out.write_str("  { ")?;
            if step.line != 0 {
                write!(out, "line = {}, ", step.line)?;
            }
            if !step.after.is_zero() {
                write!(out, "after_us = {}, ", Micros(step.after))?;
            }
            self.action(&step.action, out)?;
            out.write_str(" },")?;
            let name = step
                .place()
                .and_then(|(place, _)| self.plan.names.get(&place));
            if let Some(name) = name {
                write!(out, " # {}", name.escape_default())?;
            }
            out.write_char('\n')?;
        }
        Ok(())
    }

    fn action(&self, action: &Action, out: &mut String) -> fmt::Result {
        let named = |place: super::Place| place.named(&self.plan.regions).to_string();
        match action {
            Action::Write(write) => {
                write!(out, "write = {}", Quoted(&named(write.place)))?;
                width(write.value.width(), out)?;
                write!(out, ", value = {}", Printed(&write.value))?;
                self.points(write, out)
            }
            Action::Read(read) => {
                write!(out, "read = {}", Quoted(&named(read.place)))?;
                self.read(read, out)
            }
            Action::Poll(poll) => {
                write!(out, "poll = {}", Quoted(&named(poll.place)))?;
                self.poll(poll, out)
            }
            Action::Upload(transfer) => {
                write!(out, "upload = {}", Quoted(&named(transfer.place)))?;
                self.transfer(transfer, out)
            }
            Action::Download(transfer) => {
                write!(out, "download = {}", Quoted(&named(transfer.place)))?;
                self.transfer(transfer, out)
            }
            Action::Fill(fill) => {
                write!(out, "fill = {}", Quoted(&named(fill.place)))?;
                width(fill.value.width(), out)?;
                write!(out, ", value = {}", Printed(&fill.value))?;
                stride(fill.stride, fill.value.width(), out)?;
                write!(out, ", count = {}", fill.count)
            }
            Action::Delay(time) => write!(out, "delay_us = {}", Micros(*time)),
            Action::Mark(text) => write!(out, "mark = {}", Quoted(text)),
            Action::Skip(skip) => {
                let place = skip.place.map(named).unwrap_or_default();
                write!(
                    out,
                    "skip = {}, count = {}, why = {}",
                    Quoted(&place),
                    skip.count,
                    Quoted(&skip.why)
                )
            }
            Action::Stop(why) => write!(out, "stop = {}", Quoted(why)),
        }
    }

    fn points(&self, write: &Write, out: &mut String) -> fmt::Result {
        match write.points {
            None => Ok(()),
            Some(Points::HostMemory) => out.write_str(", points = \"host-memory\""),
            Some(Points::Interrupt) => out.write_str(", points = \"interrupt\""),
            Some(Points::Region(id)) => match self.plan.region(id) {
                Some(region) => write!(out, ", points = {}", Quoted(&region.name)),
                None => Ok(()),
            },
        }
    }

    fn read(&self, read: &Read, out: &mut String) -> fmt::Result {
        width(read.width, out)?;
        if read.times != 1 {
            write!(out, ", times = {}", read.times)?;
        }
        if read.must {
            out.write_str(", must = true")?;
        }
        expect(read.expect.as_ref(), out)
    }

    fn poll(&self, poll: &Poll, out: &mut String) -> fmt::Result {
        width(poll.width, out)?;
        write!(
            out,
            ", mask = {}, value = {}",
            Hex(poll.until.mask),
            Hex(poll.until.value)
        )?;
        write!(
            out,
            ", timeout_us = {}, interval_us = {}",
            Micros(poll.timeout),
            Micros(poll.interval)
        )?;
        write!(out, ", reads = {}", poll.reads)?;
        if poll.timed_out {
            out.write_str(", timed_out = true")?;
        }
        expect(poll.expect.as_ref(), out)
    }

    fn transfer(&self, transfer: &Transfer, out: &mut String) -> fmt::Result {
        width(transfer.width, out)?;
        stride(transfer.stride, transfer.width, out)?;
        write!(
            out,
            ", count = {}, file = {}",
            transfer.count,
            Quoted(&transfer.file)
        )?;
        if transfer.from != 0 {
            write!(out, ", from = {}", transfer.from)?;
        }
        Ok(())
    }
}

fn width(width: Width, out: &mut String) -> fmt::Result {
    if width == Width::W4 {
        Ok(())
    } else {
        write!(out, ", width = {width}")
    }
}

fn stride(stride: i64, width: Width, out: &mut String) -> fmt::Result {
    if stride == i64::from(width.bytes()) {
        Ok(())
    } else {
        write!(out, ", stride = {stride}")
    }
}

fn expect(expect: Option<&Expect>, out: &mut String) -> fmt::Result {
    let Some(expect) = expect else { return Ok(()) };
    write!(out, ", expect = {}", Printed(&expect.value))?;
    if !expect.is_exact() {
        write!(out, ", expect_mask = {}", Printed(&expect.mask))?;
    }
    if !expect.why.is_empty() {
        write!(out, ", why = {}", Quoted(&expect.why))?;
    }
    Ok(())
}

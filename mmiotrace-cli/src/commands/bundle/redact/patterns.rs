//! What tells a machine from others, by its form.

use core::fmt;
use regex::bytes::{Captures, Regex, RegexSet};

/// What was taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Serial,
    Mac,
    Uuid,
    MachineId,
    Wwn,
    DiskId,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Serial => "serial",
            Self::Mac => "MAC",
            Self::Uuid => "UUID",
            Self::MachineId => "machine id",
            Self::Wwn => "WWN",
            Self::DiskId => "disk id",
        })
    }
}

/// The rest of a line, up to what ends a value in it; `[` begins what was taken out before.
const REST: &str = r#"(?s-u:[^\n\r,;"\[\]]*[^\n\r,;"\[\] \t])"#;

/// What is said of a serial number, in every spelling.
const LABEL: &str = r"(?:serial(?:[ _-]?(?:number|numbers|num|no|nr|id|code))?\.?|s/n|sn|service[ _-]?tag|express service code|asset[ _-]?tag|chassis[ _-]?tag)";

/// Forms, in the order in which they are looked for: what holds another comes first.
fn forms() -> Vec<(Kind, String)> {
    let hex = "[0-9a-fA-F]";
    vec![
        // EUI-64, as PCI Express' device serial number, and longer fingerprints: taken whole.
        (
            Kind::Serial,
            format!(r"\b(?<secret>{hex}{{2}}(?:[:-]{hex}{{2}}){{6,}})\b"),
        ),
        (
            Kind::Mac,
            format!(r"\b(?<secret>{hex}{{2}}(?:[:-]{hex}{{2}}){{5}})\b"),
        ),
        (
            Kind::Mac,
            format!(r"\b(?<secret>{hex}{{4}}\.{hex}{{4}}\.{hex}{{4}})\b"),
        ),
        // Whole rows of bytes are matched, and those of six are addresses: the others are dumps.
        (
            Kind::Mac,
            format!(r"\b(?<secret>{hex}{{2}}(?: {hex}{{2}}){{5,}})\b"),
        ),
        // Names of interfaces that systemd makes of an address.
        (
            Kind::Mac,
            format!(r"\b(?:en|wl|ww|sl|ib)x(?<secret>{hex}{{12}})\b"),
        ),
        // An IPv6 address that is made of one (RFC 4291, appendix A).
        (
            Kind::Mac,
            format!(
                r"(?i)[0-9a-f:]:(?<secret>{hex}{{1,4}}:{hex}{{0,2}}ff:fe{hex}{{2}}:{hex}{{1,4}})\b"
            ),
        ),
        (
            Kind::Uuid,
            format!(r"\b(?<secret>{hex}{{8}}-{hex}{{4}}-{hex}{{4}}-{hex}{{4}}-{hex}{{12}})\b"),
        ),
        // Of a partition of an MS-DOS table; of FAT and NTFS.
        (
            Kind::Uuid,
            format!(r"(?i)\bPARTUUID[=:]\s*(?<secret>{hex}{{8}}-{hex}{{2}})\b"),
        ),
        (
            Kind::Uuid,
            format!(r"(?i)\bUUID[=:]\s*(?<secret>{hex}{{4}}-{hex}{{4}}|{hex}{{16}})\b"),
        ),
        (
            Kind::DiskId,
            r"(?i)/by-(?:uuid|partuuid|id|diskseq)/(?<secret>[^\s\[\],;]+)".to_owned(),
        ),
        // /etc/machine-id, and what LUKS names its mappings by.
        (Kind::MachineId, format!(r"(?i)\b(?<secret>{hex}{{32}})\b")),
        (
            Kind::Wwn,
            format!(
                r"(?i)\b(?:wwn|wwid|wwnn|wwpn|naa|eui|t10)[-.:= ]+(?:0x)?(?<secret>{hex}{{16,32}})\b"
            ),
        ),
        (
            Kind::Wwn,
            format!(r"(?i)\bWWN Device Id:\s*(?<secret>{hex}(?: {hex}+)+)"),
        ),
        (
            Kind::Wwn,
            format!(r"(?i)\bsas[ _-]?addr(?:ess)?\s*[=:(]?\s*(?:0x)?(?<secret>{hex}{{16}})\b"),
        ),
        // lsusb and udev.
        (
            Kind::Serial,
            format!(r"(?i)\biSerial\s+\d+\s+(?<secret>{REST})"),
        ),
        (
            Kind::Serial,
            format!(r"(?i)\bID_SERIAL(?:_SHORT)?=(?<secret>{REST})"),
        ),
        // "SerialNumber: X" of USB, "[SN] Serial number: X" of vital product data, "serial#: X".
        (
            Kind::Serial,
            format!(r"(?i)\b{LABEL}\]?\s*#?\s*[:=]\s*(?<secret>{REST})"),
        ),
        // "S/N X", "SN X", "serial no X": only what looks like a number.
        (
            Kind::Serial,
            format!(
                r"\b(?i:{LABEL})\s*#?\s+(?<secret>[A-Z0-9][A-Z0-9_-]+(?: [A-Z0-9][A-Z0-9_-]+)*)\b"
            ),
        ),
    ]
}

/// What stands where a serial number should.
const NO_SERIALS: [&str; 10] = [
    "not specified",
    "not available",
    "none",
    "unknown",
    "default string",
    "to be filled by o.e.m.",
    "system serial number",
    "not applicable",
    "n/a",
    // A driver of serial ports says so.
    "8250/16550 driver",
];

/// Finds what is to be taken out.
#[derive(Debug)]
pub(super) struct Patterns {
    all: Vec<(Kind, Regex)>,
    /// All of them at once: most lines have nothing.
    any: RegexSet,
}

/// Returns the kind and the number of something that is taken out.
pub(super) type Numbered<'f> = dyn FnMut(Kind, &[u8]) -> (Kind, u64) + 'f;

impl Patterns {
    /// First what is known of this machine, literally; then what has the form of such a thing.
    pub(super) fn new(serials: &[String]) -> Self {
        let literal: Vec<String> = serials.iter().map(|serial| regex::escape(serial)).collect();
        let mut forms = forms();
        if !literal.is_empty() {
            forms.insert(
                0,
                (
                    Kind::Serial,
                    format!("(?i)(?<secret>{})", literal.join("|")),
                ),
            );
        }
        // Our own patterns, which the tests compile; an escaped literal is one too.
        let any = RegexSet::new(forms.iter().map(|(_, form)| form));
        let all = forms
            .iter()
            .filter_map(|(kind, form)| Some((*kind, Regex::new(form).ok()?)));
        Self {
            all: all.collect(),
            any: any.unwrap_or_else(|_| RegexSet::empty()),
        }
    }

    /// The line with everything taken out, `numbered` by what was found; `None` if there was nothing.
    pub(super) fn replace(&self, line: &[u8], numbered: &mut Numbered<'_>) -> Option<Vec<u8>> {
        if !self.any.is_match(line) {
            return None;
        }
        let mut text = line.to_vec();
        let mut changed = false;
        for (kind, regex) in &self.all {
            let replaced = regex.replace_all(&text, |found: &Captures<'_>| {
                let whole = found.get(0).map_or(&[][..], |part| part.as_bytes());
                let Some(secret) = found.name("secret") else {
                    return whole.to_vec();
                };
                if !is_telling(*kind, secret.as_bytes()) {
                    return whole.to_vec();
                }
                changed = true;
                let start = found.get(0).map_or(0, |part| part.start());
                let (from, to) = (secret.start() - start, secret.end() - start);
                let (kind, number) = numbered(*kind, secret.as_bytes());
                let word = format!("[{kind} {number}]");
                let (before, after) = (whole.get(..from), whole.get(to..));
                [
                    before.unwrap_or_default(),
                    word.as_bytes(),
                    after.unwrap_or_default(),
                ]
                .concat()
            });
            text = replaced.into_owned();
        }
        changed.then_some(text)
    }
}

/// Whether it says anything of a machine.
fn is_telling(kind: Kind, secret: &[u8]) -> bool {
    let text = String::from_utf8_lossy(secret).to_ascii_lowercase();
    let digits = || text.bytes().filter(u8::is_ascii_hexdigit).count();
    match kind {
        // USB prints whether there is one: "SerialNumber=3".
        Kind::Serial => {
            let is_index = text.len() < 4 && text.bytes().all(|byte| byte.is_ascii_digit());
            let has_digit = text.bytes().any(|byte| byte.is_ascii_digit());
            has_digit && !is_index && !NO_SERIALS.contains(&text.trim())
        }
        Kind::Mac => digits() == 12 || text.contains(":fe") || text.contains("ff:fe"),
        _ => text.bytes().any(|byte| !matches!(byte, b'0' | b'-' | b':')),
    }
}

/// The same for all spellings of one thing.
pub(super) fn key(kind: Kind, secret: &[u8]) -> String {
    let text = String::from_utf8_lossy(secret).to_ascii_lowercase();
    if kind != Kind::Mac {
        return text.replace('-', ":");
    }
    mac_of_eui64(&text).unwrap_or_else(|| {
        text.chars()
            .filter(char::is_ascii_hexdigit)
            .collect::<String>()
    })
}

/// The MAC address from which the second half of an IPv6 address was made.
fn mac_of_eui64(text: &str) -> Option<String> {
    let groups: Option<Vec<u16>> = text
        .split(':')
        .map(|group| u16::from_str_radix(group, 16).ok())
        .collect();
    let [first, second, third, fourth] = groups?[..] else {
        return None;
    };
    let bytes = [first ^ 0x200, second, third, fourth].map(u16::to_be_bytes);
    let [a, b, c, 0xff, 0xfe, d, e, f] = *bytes.as_flattened() else {
        return None;
    };
    Some(format!("{a:02x}{b:02x}{c:02x}{d:02x}{e:02x}{f:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The line with what was found, numbered 1.
    fn redacted(line: &str) -> String {
        let patterns = Patterns::new(&["PF2ABCDE".to_owned()]);
        let replaced = patterns.replace(line.as_bytes(), &mut |kind, _| (kind, 1));
        replaced.map_or_else(
            || line.to_owned(),
            |bytes| String::from_utf8_lossy(&bytes).into_owned(),
        )
    }

    #[test]
    fn every_form_compiles() {
        let patterns = Patterns::new(&["a|b(".to_owned()]);
        assert_eq!(patterns.all.len(), forms().len() + 1);
        assert_eq!(patterns.any.len(), forms().len() + 1);
    }

    #[test]
    fn what_tells_a_machine_is_taken_out() {
        for (line, kept) in [
            ("eth0: 52:54:00:12:34:56 up", "eth0: [MAC 1] up"),
            ("station 52-54-00-12-34-56", "station [MAC 1]"),
            (
                "neighbour 5254.0012.3456 on port 3",
                "neighbour [MAC 1] on port 3",
            ),
            (
                "permanent address 52 54 00 12 34 56",
                "permanent address [MAC 1]",
            ),
            (
                "e1000e 0000:00:19.0 enx525400123456: renamed from eth0",
                "e1000e 0000:00:19.0 enx[MAC 1]: renamed from eth0",
            ),
            (
                "wlx525400123456: link is not ready",
                "wlx[MAC 1]: link is not ready",
            ),
            (
                "inet6 fe80::5054:ff:fe12:3456/64 scope link",
                "inet6 fe80::[MAC 1]/64 scope link",
            ),
            (
                "inet6 2001:db8:1:2:5054:00ff:fe12:3456/64",
                "inet6 2001:db8:1:2:[MAC 1]/64",
            ),
            (
                "Device Serial Number 52-54-00-ff-ff-12-34-56",
                "Device Serial Number [serial 1]",
            ),
            ("root=PARTUUID=1a2b3c4d-02 ro", "root=PARTUUID=[UUID 1] ro"),
            ("/boot UUID=1A2B-3C4D vfat", "/boot UUID=[UUID 1] vfat"),
            ("UUID=0123456789ABCDEF ntfs", "UUID=[UUID 1] ntfs"),
            (
                "rd.luks.uuid=luks-01234567-89ab-cdef-0123-456789abcdef quiet",
                "rd.luks.uuid=luks-[UUID 1] quiet",
            ),
            (
                "CRYPT-LUKS2-0123456789abcdef0123456789abcdef-root",
                "CRYPT-LUKS2-[machine id 1]-root",
            ),
            (
                "systemd.machine_id=0123456789abcdef0123456789abcdef",
                "systemd.machine_id=[machine id 1]",
            ),
            (
                "/dev/disk/by-id/ata-WDC_WD40_WD-WCC4E1234567 ext4",
                "/dev/disk/by-id/[disk id 1] ext4",
            ),
            ("wwn-0x5000c500a1b2c3d4", "wwn-0x[WWN 1]"),
            ("naa.5000c500a1b2c3d4", "naa.[WWN 1]"),
            ("eui.0025385b71b0f1d2", "eui.[WWN 1]"),
            (
                "LU WWN Device Id: 5 000c50 0a1b2c3d4",
                "LU WWN Device Id: [WWN 1]",
            ),
            (
                "handle(0x0009), sas_addr(0x500605b00a1b2c3d)",
                "handle(0x0009), sas_addr(0x[WWN 1])",
            ),
            (
                "usb 1-1: SerialNumber: 0123SECRET",
                "usb 1-1: SerialNumber: [serial 1]",
            ),
            ("\tSerial Number: PF2 ABC 77", "\tSerial Number: [serial 1]"),
            ("Service Tag: 7XK2P13", "Service Tag: [serial 1]"),
            ("Asset Tag: 004711", "Asset Tag: [serial 1]"),
            (
                "[SN] Serial number: 1A2B3C 4D5E",
                "[SN] Serial number: [serial 1]",
            ),
            ("card S/N 1A2B3C4D rev 2", "card S/N [serial 1] rev 2"),
            ("SN WD WCC4E1234567", "SN [serial 1]"),
            ("serial#: 0047-11", "serial#: [serial 1]"),
            ("serial no. 4711X, rev 2", "serial no. [serial 1], rev 2"),
            ("Serial-No=X4711; rev 2", "Serial-No=[serial 1]; rev 2"),
            (
                "iSerial                 3 0123SECRET",
                "iSerial                 3 [serial 1]",
            ),
            (
                "E: ID_SERIAL_SHORT=0123SECRET",
                "E: ID_SERIAL_SHORT=[serial 1]",
            ),
            ("DMI: pf2abcde board", "DMI: [serial 1] board"),
        ] {
            assert_eq!(redacted(line), kept);
        }
    }

    #[test]
    fn what_tells_nothing_stays() {
        for line in [
            "usb 1-1: New USB device strings: Mfr=1, Product=2, SerialNumber=3",
            "Serial: 8250/16550 driver, 32 ports, IRQ sharing enabled",
            "Serial Number: Not Specified",
            "Serial Number: To Be Filled By O.E.M.",
            "Code: 48 8b 05 00 00 00 00 48 85 c0 74 0a 48 89 c7",
            "00: 86 80 0e 10 07 00 10 00",
            "BAR 0 [mem 0xfebc0000-0xfebdffff]",
            "e1000 0000:00:02.0: (PCI:33MHz:32-bit)",
            "Linux version 6.1.0-50-amd64 (gcc-12 12.2.0)",
            "srcversion ABCDEF0123456789ABCDEF0",
            "serial number mismatch",
            "R 4 1.000000 1 0xfebc0000 0x1 0x0 0",
        ] {
            assert_eq!(redacted(line), line);
        }
    }

    #[test]
    fn all_spellings_of_an_address_are_one() {
        for spelling in [
            "52:54:00:12:34:56",
            "52-54-00-12-34-56",
            "5254.0012.3456",
            "52 54 00 12 34 56",
            "525400123456",
            "5054:ff:fe12:3456",
            "5054:00ff:fe12:3456",
        ] {
            assert_eq!(key(Kind::Mac, spelling.as_bytes()), "525400123456");
        }
    }
}

//! The texts that go beside the trace.

use super::survey::Survey;
use mmiotrace_capture::machine::{
    PciIds, PciInventory, Root, command_line, describe, displays, kernel_log, module_version,
    modules, release, version,
};
use std::process::{Command, Stdio};

/// Names and texts, and what could not be had.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) files: Vec<(&'static str, String)>,
    pub(super) missing: Vec<String>,
}

pub(super) fn collect(root: &Root, survey: &Survey, description: Option<&str>) -> Facts {
    let mut facts = Facts::default();
    let system = system(root, survey);
    facts
        .files
        .push(("description.txt", describe_run(survey, description)));
    facts.files.push(("system.txt", system));
    facts.files.push(("lspci.txt", lspci(root)));
    match kernel_log(root) {
        Ok(log) => facts.files.push(("dmesg.txt", log)),
        Err(error) => {
            let text = format!("the kernel's log: /dev/kmsg: {error} (run it as root: sudo)");
            facts.files.push(("dmesg.txt", format!("{text}\n")));
            facts.missing.push(text);
        }
    }
    if description.is_none() && survey.markers.is_empty() {
        facts
            .missing
            .push("what was done during the trace (say it with --describe)".to_owned());
    }
    facts
}

fn describe_run(survey: &Survey, description: Option<&str>) -> String {
    let mut text = format!("Device: {}\n\n", survey.device_text());
    text.push_str(description.unwrap_or("(no description was given)"));
    text.push_str("\n\nMarkers in the trace:\n");
    for marker in &survey.markers {
        text.push_str(&format!("  {marker}\n"));
    }
    text
}

fn system(root: &Root, survey: &Survey) -> String {
    let mut text = format!(
        "mmiotrace {}\nkernel: {}\nrelease: {}\ncommand line: {}\n",
        env!("CARGO_PKG_VERSION"),
        version(root),
        release(root),
        command_line(root).join(" ")
    );
    let distribution = root.read("/etc/os-release").unwrap_or_default();
    if let Some(name) = distribution
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))
    {
        text.push_str(&format!("distribution: {}\n", name.trim_matches('"')));
    }
    let cpus = root.read("/proc/cpuinfo").unwrap_or_default();
    if let Some(model) = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
    {
        text.push_str(&format!(
            "CPU: {}\n",
            model.trim_start_matches([':', '\t', ' '])
        ));
    }
    let drivers = drivers(root, survey);
    for driver in &drivers {
        let version =
            module_version(root, driver).unwrap_or_else(|| "states no version".to_owned());
        text.push_str(&format!("driver {driver}: {version}\n"));
    }
    text.push_str("\ndisplays:\n");
    for display in displays(root) {
        let words = [
            &display.connector,
            &display.status,
            &display.monitor,
            &display.mode,
        ];
        let words: Vec<&str> = words
            .into_iter()
            .map(String::as_str)
            .filter(|word| !word.is_empty())
            .collect();
        text.push_str(&format!("  {}\n", words.join(" ")));
    }
    text.push_str("\nmodules:\n");
    for name in modules(root) {
        let version = module_version(root, &name).unwrap_or_default();
        text.push_str(format!("  {name} {version}").trim_end());
        text.push('\n');
    }
    text
}

/// The drivers that the trace names for the device, and the one that is bound to it now.
fn drivers(root: &Root, survey: &Survey) -> Vec<String> {
    let inventory = PciInventory::read(root);
    let bound = inventory
        .functions()
        .iter()
        .filter(|function| survey.is_device(function));
    let mut drivers: Vec<String> = bound
        .filter_map(|function| function.driver.clone())
        .collect();
    drivers.extend(survey.driver());
    drivers.sort();
    drivers.dedup();
    drivers
}

/// By the program where it is installed: it takes capabilities apart that we only name.
fn lspci(root: &Root) -> String {
    if root.is_system() {
        let output = Command::new("lspci")
            .arg("-vvv")
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output();
        if let Some(output) = output
            .ok()
            .filter(|output| output.status.success() && !output.stdout.is_empty())
        {
            return String::from_utf8_lossy(&output.stdout).into_owned();
        }
    }
    let ids = PciIds::read(root);
    let inventory = PciInventory::read(root);
    let texts: Vec<String> = inventory
        .functions()
        .iter()
        .map(|function| describe(function, &ids))
        .collect();
    texts.join("\n")
}

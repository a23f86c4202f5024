//! Running other programs.

use crate::error::{Error, Result};
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Runs a program to its end and returns its standard output. On failure the error holds the last
/// lines it wrote to standard error.
pub fn output(command: &mut Command) -> Result<String> {
    // What is read here is not to be in the person's language.
    let output = command
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| cannot_start(command, &error))?;
    if !output.status.success() {
        return Err(Error::Failed(describe(command, &output)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a program to its end and returns both its outputs, one after the other.
pub fn both_outputs(command: &mut Command) -> Result<String> {
    let output = command
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| cannot_start(command, &error))?;
    if !output.status.success() {
        return Err(Error::Failed(describe(command, &output)));
    }
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    Ok(text)
}

/// Runs a program whose output the person should see.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .map_err(|error| cannot_start(command, &error))?;
    if status.success() {
        Ok(())
    } else {
        Err(Error::Failed(format!("{}: {status}", name(command))))
    }
}

/// Runs `sh -c` with a pipeline that fails if any part of it fails.
pub fn pipeline(script: &str, args: &[&OsStr], directory: &Path) -> Result<String> {
    let mut command = Command::new("bash");
    command
        .args(["-euo", "pipefail", "-c", script, "pipeline"])
        .args(args)
        .current_dir(directory);
    output(&mut command)
}

/// Whether a program is on the search path.
pub fn exists(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
    })
}

/// Whether this process has root's rights.
pub fn is_root() -> bool {
    output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

fn name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

fn cannot_start(command: &Command, error: &std::io::Error) -> Error {
    let text = format!("cannot start {}: {error}", name(command));
    if error.kind() == std::io::ErrorKind::NotFound {
        Error::Unavailable(text)
    } else {
        Error::Failed(text)
    }
}

fn describe(command: &Command, output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = text.lines().collect();
    let tail = lines
        .get(lines.len().saturating_sub(40)..)
        .unwrap_or(&[])
        .join("\n");
    format!("{}: {}\n{tail}", name(command), output.status)
}

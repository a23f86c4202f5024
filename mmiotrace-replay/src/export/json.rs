//! JSON.

use super::ops::{At, Op, Program, Want};
use crate::plan::Plan;
use core::fmt::{self, Write};
use serde_json::{Map, Value, json};

pub(super) fn write(plan: &Plan, program: &Program, out: &mut String) -> fmt::Result {
    let device = |device: &crate::plan::Device| {
        json!({
            "name": device.name, "vendor": device.vendor, "device": device.device,
            "recorded_at": device.recorded_at, "driver": device.driver,
        })
    };
    let regions = plan
        .regions
        .iter()
        .zip(&program.regions)
        .map(|(region, (constant, _))| {
            json!({
                "name": constant, "device": region.device, "bar": region.bar,
                "recorded_base": hex(region.recorded_base.0), "len": hex(region.len),
            })
        });
    let data = program.data.iter().map(|(name, bytes)| {
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        (name.clone(), Value::String(digits))
    });
    let sections = program.sections.iter().map(|part| {
        let steps: Vec<Value> = part.ops.iter().map(|(line, op)| step(*line, op)).collect();
        json!({ "name": part.name, "line": part.line, "steps": steps })
    });
    let unknowable = plan
        .unknowable
        .iter()
        .map(|u| json!({ "kind": u.kind.name(), "text": u.text, "signs": u.signs }));
    let registers = program
        .registers
        .iter()
        .map(|(name, offset)| (name.clone(), hex(*offset)));
    let whole = json!({
        "schema": 1,
        "trace": program.trace,
        "devices": plan.devices.iter().map(device).collect::<Vec<_>>(),
        "regions": regions.collect::<Vec<_>>(),
        "registers": registers.collect::<Map<String, Value>>(),
        "unknowable": unknowable.collect::<Vec<_>>(),
        "data": data.collect::<Map<String, Value>>(),
        "sections": sections.collect::<Vec<_>>(),
    });
    writeln!(out, "{whole}")
}

/// Numbers may have 64 bits; not every reader of JSON has.
fn hex(number: u64) -> Value {
    Value::String(format!("{number:#x}"))
}

fn step(line: u64, op: &Op) -> Value {
    let mut step = match op {
        Op::Write { at, value } => with(at, json!({ "do": "write", "value": hex(*value) })),
        Op::Read { at, times, want } => {
            expecting(*want, with(at, json!({ "do": "read", "times": times })))
        }
        Op::Poll {
            at,
            mask,
            value,
            timeout_us,
            interval_us,
            tries,
            want,
        } => {
            let poll = json!({
                "do": "poll", "mask": hex(*mask), "value": hex(*value), "timeout_us": timeout_us,
                "interval_us": interval_us, "timed_out_after_reads": if *tries > 0 { Some(tries) } else { None },
            });
            expecting(*want, with(at, poll))
        }
        Op::Upload {
            at,
            stride,
            data,
            count,
        } => with(
            at,
            json!({ "do": "upload", "stride": stride, "data": data, "count": count }),
        ),
        Op::Download {
            at,
            stride,
            data,
            count,
        } => with(
            at,
            json!({ "do": "download", "stride": stride, "data": data, "count": count }),
        ),
        Op::Fill {
            at,
            stride,
            value,
            count,
        } => with(
            at,
            json!({ "do": "fill", "stride": stride, "value": hex(*value), "count": count }),
        ),
        Op::Delay { micros } => json!({ "do": "delay", "us": micros }),
        Op::Mark(text) => json!({ "do": "mark", "text": text }),
        Op::Skip(why) => json!({ "do": "skip", "why": why }),
        Op::Stop(why) => json!({ "do": "stop", "why": why }),
    };
    if let Value::Object(fields) = &mut step {
        fields.insert("line".to_owned(), json!(line));
    }
    step
}

fn with(at: &At, mut step: Value) -> Value {
    if let Value::Object(fields) = &mut step {
        fields.insert("region".to_owned(), json!(at.region));
        // A register's name, where it has one; else its offset.
        fields.insert("offset".to_owned(), json!(at.offset));
        fields.insert("width".to_owned(), json!(at.width));
    }
    step
}

fn expecting(want: Option<Want>, mut step: Value) -> Value {
    if let (Some(want), Value::Object(fields)) = (want, &mut step) {
        fields.insert("expect".to_owned(), hex(want.value));
        fields.insert("expect_mask".to_owned(), hex(want.mask));
    }
    step
}

//! Operations that are calls of a function in the head of every exported file. All languages have the
//! same functions with the same arguments; each writes numbers and names in its own way.

use super::ops::{At, Op, Want};
use core::fmt;

/// One call. Its first arguments are the line of the plan and the place: region, offset, width.
pub(super) struct Call<'a> {
    pub(super) function: &'static str,
    /// Whether it can end the section early.
    pub(super) can_fail: bool,
    line: u64,
    at: &'a At,
    rest: Vec<Argument<'a>>,
}

/// What is passed.
#[derive(Clone, Copy)]
pub(super) enum Argument<'a> {
    /// A register's value, or a mask of its bits: unsigned, 64 bits.
    Bits(u64),
    /// Microseconds, or how many.
    Count(u64),
    /// A distance in bytes.
    Stride(i64),
    /// A constant that holds bytes.
    Data(&'a str),
}

impl Op {
    /// The call that this is, `line` of the plan; `None` where it is no such call.
    pub(super) fn call(&self, line: u64) -> Option<Call<'_>> {
        use Argument::{Bits, Count, Data, Stride};
        let (function, can_fail, at, rest) = match self {
            Self::Read { at, want, .. } => {
                let Want { value, mask } = Want::or_nothing(*want);
                ("expect", true, at, vec![Bits(value), Bits(mask)])
            }
            Self::Poll {
                at,
                mask,
                value,
                timeout_us,
                interval_us,
                tries,
                want,
            } => {
                let want = Want::or_nothing(*want);
                let rest = vec![
                    Bits(*mask),
                    Bits(*value),
                    Count(*interval_us),
                    Count(*timeout_us),
                    Count(*tries),
                    Bits(want.value),
                    Bits(want.mask),
                ];
                ("poll", true, at, rest)
            }
            Self::Upload {
                at,
                stride,
                data,
                count,
            }
            | Self::Download {
                at,
                stride,
                data,
                count,
            } => {
                let rest = vec![Stride(*stride), Data(data), Count(*count)];
                match self {
                    Self::Download { .. } => ("download", true, at, rest),
                    _ => ("upload", false, at, rest),
                }
            }
            Self::Fill {
                at,
                stride,
                value,
                count,
            } => {
                let rest = vec![Stride(*stride), Bits(*value), Count(*count)];
                ("fill", false, at, rest)
            }
            Self::Write { .. }
            | Self::Delay { .. }
            | Self::Mark(_)
            | Self::Skip(_)
            | Self::Stop(_) => return None,
        };
        Some(Call {
            function,
            can_fail,
            line,
            at,
            rest,
        })
    }
}

impl<'a> Call<'a> {
    /// `LINE, REGION, OFFSET, WIDTH, …`, the rest written by `argument`.
    pub(super) fn arguments<W>(&'a self, argument: W) -> Arguments<'a, W>
    where
        W: Fn(Argument<'_>, &mut fmt::Formatter<'_>) -> fmt::Result,
    {
        Arguments {
            call: self,
            argument,
        }
    }
}

/// See [`Call::arguments`].
pub(super) struct Arguments<'a, W> {
    call: &'a Call<'a>,
    argument: W,
}

impl<W> fmt::Display for Arguments<'_, W>
where
    W: Fn(Argument<'_>, &mut fmt::Formatter<'_>) -> fmt::Result,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Call { line, at, rest, .. } = self.call;
        write!(f, "{line}, {}, {}, {}", at.region, at.offset, at.width)?;
        for argument in rest {
            f.write_str(", ")?;
            (self.argument)(*argument, f)?;
        }
        Ok(())
    }
}

//! From events to text: the mirror image of the parser.

mod annotation;
mod digits;
mod event;
mod text;

pub(crate) use annotation::push_annotation;
pub(crate) use event::{needs_pieces, push_event_line, push_lost_line};
pub(crate) use text::Text;

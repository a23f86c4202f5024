//! Annotations: markers that begin with the reserved word, of the forms that mmiotrace-format knows.

use super::handler_state::HandlerState;
use super::space::UserSpace;
use crate::engine::MAX_MARKER_BYTES;
use mmiotrace_core::RESERVED_MARKER_PREFIX;

/// Writes an annotation, without what does not fit. Allocates nothing. Not for signal handlers.
pub(super) fn annotate(handler: &HandlerState, parts: &[&[u8]]) {
    let mut text = [0; MAX_MARKER_BYTES];
    let mut len = 0;
    let parts = core::iter::once(&RESERVED_MARKER_PREFIX).chain(parts);
    for (to, from) in text.iter_mut().zip(parts.flat_map(|part| part.iter())) {
        *to = *from;
        len += 1;
    }
    let space = UserSpace::outside(handler);
    let text = text.get(..len).unwrap_or(&[]);
    handler.engine().marker(&space, text);
}

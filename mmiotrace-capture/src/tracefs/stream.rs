//! What the kernel prints, on its way through: counted, and completed by what it leaves out.

use super::lines::end_of_lines;
use super::tally::{Counter, Tally};
use mmiotrace_core::{EventSink, Loss, Timestamp};
use mmiotrace_format::Writer;

/// The text on its way from the kernel to whoever takes it.
#[derive(Debug, Default)]
pub(super) struct Stream {
    counter: Counter,
    /// The beginning of a line whose end has not come.
    pending: Vec<u8>,
    /// Our header lines, until the kernel's first line has gone by.
    header: Option<String>,
    /// Bytes given on, ours included.
    pub(super) bytes: u64,
}

impl Stream {
    /// A stream that puts `header` behind the kernel's first line, `VERSION …`: a trace begins
    /// with that.
    pub(super) fn new(header: String) -> Self {
        Self {
            header: Some(header).filter(|header| !header.is_empty()),
            ..Self::default()
        }
    }

    /// What has come out of `trace_pipe`.
    pub(super) const fn tally(&self) -> Tally {
        self.counter.tally
    }

    /// Takes what was read; gives on whole lines. Returns how many records were among them.
    pub(super) fn take(&mut self, bytes: &[u8], give: &mut dyn FnMut(&[u8])) -> u64 {
        self.pending.extend_from_slice(bytes);
        self.give(end_of_lines(&self.pending), give)
    }

    /// The end has come: gives on what is left, a line without ending too, and then `missing`
    /// events that the kernel lost and did not tell, since it tells with the next read only.
    pub(super) fn end(&mut self, missing: u64, give: &mut dyn FnMut(&[u8])) -> u64 {
        let mut records = self.give(self.pending.len(), give);
        self.give_header(give);
        if missing > 0 {
            let mut line = Vec::new();
            let mut writer = Writer::new(&mut line);
            writer.lost(&Loss::new(Timestamp::ZERO, missing));
            // A Vec takes everything.
            let _ = writer.flush();
            drop(writer);
            self.give_bytes(&line, give);
            records += 1;
        }
        records
    }

    fn give(&mut self, len: usize, give: &mut dyn FnMut(&[u8])) -> u64 {
        let pending = core::mem::take(&mut self.pending);
        let (whole, rest) = pending.split_at(len.min(pending.len()));
        let before = self.counter.tally.lines;
        self.counter.take(whole);
        let records = self.counter.tally.lines - before;
        match self.header.is_some() && !whole.is_empty() {
            true => {
                let end = whole
                    .iter()
                    .position(|byte| *byte == b'\n')
                    .map_or(whole.len(), |at| at + 1);
                let (first, others) = whole.split_at(end);
                self.give_bytes(first, give);
                self.give_header(give);
                self.give_bytes(others, give);
            }
            false => self.give_bytes(whole, give),
        }
        self.pending = rest.to_vec();
        records
    }

    fn give_header(&mut self, give: &mut dyn FnMut(&[u8])) {
        if let Some(header) = self.header.take() {
            self.give_bytes(header.as_bytes(), give);
        }
    }

    fn give_bytes(&mut self, bytes: &[u8], give: &mut dyn FnMut(&[u8])) {
        if !bytes.is_empty() {
            self.bytes += bytes.len() as u64;
            give(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"VERSION 20070824\nPCIDEV 0010 8086100e a 0 0 0 0 0 0 0 0 0 0 0 0 0 0 \n\
        MARK 0.000000 Lost 12 events.\nCPU:0 [LOST 12 EVENTS]\n\
        R 4 6.490441 1 0xfeb40008 0x80080783 0x0 0\nMARK 6.5 one\ntwo\nUNMAP 7.000000 1 0x0 0\n";

    fn run(chunk: usize, missing: u64) -> (Vec<u8>, Tally) {
        let mut stream = Stream::new("LSPCI a\nLSPCI b\n".into());
        let mut out = Vec::new();
        for bytes in TEXT.chunks(chunk) {
            stream.take(bytes, &mut |bytes| out.extend_from_slice(bytes));
        }
        stream.end(missing, &mut |bytes| out.extend_from_slice(bytes));
        (out, stream.tally())
    }

    #[test]
    fn whatever_the_pieces_the_bytes_are_the_kernels_with_our_header_behind_the_first_line() {
        let expected = String::from_utf8_lossy(TEXT)
            .replace("20070824\n", "20070824\nLSPCI a\nLSPCI b\n")
            .into_bytes();
        for chunk in 1..=TEXT.len() {
            let (out, tally) = run(chunk, 0);
            assert_eq!(out, expected, "in pieces of {chunk}");
            assert_eq!(tally.entries, 3);
            assert_eq!(tally.announced, 12);
        }
    }

    #[test]
    fn a_loss_that_the_kernel_did_not_tell_is_told_at_the_end() {
        let (out, _) = run(7, 920);
        assert!(out.ends_with(b"UNMAP 7.000000 1 0x0 0\nMARK 0.000000 Lost 920 events.\n"));
    }

    #[test]
    fn a_trace_of_nothing_is_nothing_but_our_header() {
        let mut stream = Stream::new("LSPCI a\n".into());
        let mut out = Vec::new();
        stream.end(0, &mut |bytes| out.extend_from_slice(bytes));
        assert_eq!(out, b"LSPCI a\n");
    }
}

//! The wire format of protocol buffers, as far as it is needed: varints and length-delimited fields.
//! A generated encoder would bring a compiler of schemas for these few lines.

/// A message being written.
#[derive(Clone, Debug, Default)]
pub(super) struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut number: u64) {
        loop {
            let low = (number & 0x7f) as u8;
            number >>= 7;
            if number == 0 {
                self.0.push(low);
                return;
            }
            self.0.push(low | 0x80);
        }
    }

    /// A field of any integer type that is not zigzag; negative numbers as their two's complement.
    pub(super) fn number(mut self, field: u32, number: u64) -> Self {
        self.varint(u64::from(field) << 3);
        self.varint(number);
        self
    }

    /// A field of bytes or text.
    pub(super) fn bytes(mut self, field: u32, bytes: &[u8]) -> Self {
        self.varint(u64::from(field) << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    /// A field that is a message itself.
    pub(super) fn message(self, field: u32, message: &Self) -> Self {
        self.bytes(field, &message.0)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_encoding_guide() {
        assert_eq!(
            Message::default().number(1, 150).as_bytes(),
            [0x08, 0x96, 0x01]
        );
        assert_eq!(
            Message::default().bytes(2, b"testing").as_bytes(),
            b"\x12\x07testing"
        );
        let inner = Message::default().number(1, 150);
        assert_eq!(
            Message::default().message(3, &inner).as_bytes(),
            [0x1a, 3, 0x08, 0x96, 0x01]
        );
    }
}

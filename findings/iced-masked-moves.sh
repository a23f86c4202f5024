#!/usr/bin/env bash
# iced-x86's instruction info says of most masked moves that they access all bytes of their operand, always. CPUs access
# only the elements whose mask bit is set: a masked load with an all-zero mask from a page that cannot be read does not
# fault. Only EVEX masked stores are reported as conditional.
#
# Versions: iced-x86 1.22.0 (crates.io), any stable Rust, any CPU with AVX (the second half is skipped without it).
# Expected: a conditional access (CondRead, CondWrite) for each of the five.
# Seen:     Read, Write, Read, CondWrite, Write.
# Source:   Intel SDM volume 2, VMASKMOV and MASKMOVDQU: an element whose mask bit is clear raises no fault; volume 1,
#           EVEX write masking and fault suppression. And the CPU, below.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "probe"
version = "0.0.0"
edition = "2021"
[dependencies]
iced-x86 = { version = "=1.22.0", default-features = false, features = ["std", "decoder", "instr_info"] }
TOML
cat > src/main.rs <<'RUST'
use iced_x86::{Decoder, DecoderOptions, InstructionInfoFactory};
fn main() {
    let mut factory = InstructionInfoFactory::new();
    let codes: [&[u8]; 5] = [
        &[0xc4, 0xe2, 0x69, 0x2c, 0x08],       // vmaskmovps xmm1, xmm2, [rax]
        &[0xc4, 0xe2, 0x69, 0x2e, 0x08],       // vmaskmovps [rax], xmm2, xmm1
        &[0x62, 0xf1, 0x7c, 0x89, 0x10, 0x08], // vmovups xmm1{k1}{z}, [rax]
        &[0x62, 0xf1, 0x7c, 0x09, 0x11, 0x08], // vmovups [rax]{k1}, xmm1
        &[0x66, 0x0f, 0xf7, 0xc1],             // maskmovdqu xmm0, xmm1
    ];
    for code in codes {
        let instruction = Decoder::new(64, code, DecoderOptions::NONE).decode();
        let access = factory.info(&instruction).used_memory()[0].access();
        print!("{access:?} ");
    }
    println!();
}
RUST
seen=$(cargo run --quiet)
echo "seen: $seen"
[ "$seen" = "Read Write Read CondWrite Write " ] || [ "$seen" = "Read Write Read CondWrite Write" ]
if grep -qw avx /proc/cpuinfo; then
    cat > masked.c <<'C'
#include <immintrin.h>
#include <stdio.h>
#include <sys/mman.h>
int main(void) {
    float *page = mmap(0, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    volatile int clear = 0;
    __m128i mask = _mm_set1_epi32(clear);
    _mm_maskstore_ps(page, mask, _mm_maskload_ps(page, mask));
    printf("no fault\n");
    return 0;
}
C
    gcc -O1 -mavx -o masked masked.c
    cpu=$(./masked)
    echo "CPU, all-zero mask on a page without access: $cpu"
    [ "$cpu" = "no fault" ]
else
    echo "SKIPPED: the CPU has no AVX"
fi

//! What is exported, judged by programs of others.

mod browser;
mod common;
mod readers;

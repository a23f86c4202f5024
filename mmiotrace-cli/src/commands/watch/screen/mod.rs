//! `watch` on a terminal: the trace as it comes, beside it the registers.

mod draw;
mod view;

use crate::failure::{Failure, Stop, plain};
use crate::output::Accessed;
use core::time::Duration;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use std::io;
use std::time::Instant;
use view::{Action, View};

/// How often the screen is drawn anew, at most.
const FRAME: Duration = Duration::from_millis(60);

/// The screen; the terminal is as before when it is dropped, and when the program panics.
pub(super) struct Screen {
    terminal: DefaultTerminal,
    view: View,
    drawn: Option<Instant>,
}

/// What a person asks for.
pub(super) enum Asked {
    Nothing,
    Quit,
    /// A rule for `--show`.
    Show(String),
}

impl Screen {
    /// Takes the terminal.
    pub(super) fn open() -> Result<Self, Failure> {
        let terminal = ratatui::try_init().map_err(|error| failure(&error))?;
        Ok(Self {
            terminal,
            view: View::default(),
            drawn: None,
        })
    }

    /// Takes a line of the trace, and the register that it is about.
    pub(super) fn push(&mut self, line: &[u8], register: Option<Accessed<'_>>) {
        for line in String::from_utf8_lossy(line).lines() {
            self.view.push(line);
        }
        if let Some(Accessed {
            name,
            device,
            value,
        }) = register
        {
            self.view.count(device, name, value);
        }
    }

    /// Shows a message.
    pub(super) fn tell(&mut self, text: String) {
        self.view.message = text;
    }

    /// Says that nothing more will come.
    pub(super) fn end(&mut self) {
        self.view.ended = true;
    }

    /// Draws, and takes the keys that were pressed.
    pub(super) fn turn(&mut self) -> Result<Asked, Stop> {
        let mut asked = Asked::Nothing;
        while event::poll(Duration::ZERO).map_err(|error| failure(&error))? {
            let Event::Key(key) = event::read().map_err(|error| failure(&error))? else {
                self.drawn = None;
                continue;
            };
            self.drawn = None;
            if key.kind != KeyEventKind::Press {
                continue;
            }
            match self.view.key(key) {
                Action::Nothing => {}
                Action::Quit => return Ok(Asked::Quit),
                Action::Show(rule) => {
                    asked = Asked::Show(rule);
                    break;
                }
            }
        }
        if self.drawn.is_none_or(|drawn| drawn.elapsed() >= FRAME) {
            let view = &self.view;
            self.terminal
                .draw(|frame| draw::draw(frame, view))
                .map_err(|error| failure(&error))?;
            self.drawn = Some(Instant::now());
        }
        Ok(asked)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

fn failure(error: &io::Error) -> Failure {
    Failure::new("the terminal", plain(error)).advise("--plain does without")
}

//! What the screen shows: all of it is here, and nothing of it knows a terminal.

use mmiotrace_registers::DeviceAddress;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::collections::{HashMap, VecDeque};

/// Lines kept to be looked at again.
const KEPT: usize = 10_000;

/// What the screen shows.
#[derive(Debug, Default)]
pub(super) struct View {
    lines: VecDeque<String>,
    /// Registers by device and name: accesses, and the last value.
    registers: HashMap<Option<DeviceAddress>, HashMap<String, Hot>>,
    /// Lines that came since the screen was held; `None`: it follows.
    held: Option<usize>,
    /// Only lines with this text are shown.
    filter: String,
    /// The filter is being typed.
    typing: bool,
    /// The place in the list of registers.
    chosen: usize,
    /// The last thing that went wrong, or was done.
    pub(super) message: String,
    /// Nothing more will come.
    pub(super) ended: bool,
}

/// How often a register was accessed, and what was moved last.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hot {
    pub(super) accesses: u64,
    pub(super) value: Option<u64>,
}

/// What a key asks of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Nothing,
    Quit,
    /// A rule for `--show`.
    Show(String),
}

impl View {
    /// Takes a line, painted or not.
    pub(super) fn push(&mut self, line: &str) {
        if self.lines.len() >= KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back(line.trim_end().to_owned());
        if let Some(held) = &mut self.held {
            *held = (*held + 1).min(KEPT);
        }
    }

    /// Counts an access to a register of a device, if that is known.
    pub(super) fn count(
        &mut self,
        device: Option<DeviceAddress>,
        register: &str,
        value: Option<u64>,
    ) {
        let of_device = self.registers.entry(device).or_default();
        let hot = match of_device.get_mut(register) {
            Some(hot) => hot,
            None => of_device.entry(register.to_owned()).or_default(),
        };
        hot.accesses += 1;
        hot.value = value.or(hot.value);
    }

    /// The newest `count` lines that fit the filter, or those before the screen was held.
    pub(super) fn lines(&self, count: usize) -> Vec<&str> {
        let wanted = self.filter.to_lowercase();
        let older = self.lines.iter().rev().skip(self.held.unwrap_or(0));
        let mut lines: Vec<&str> = older
            .map(String::as_str)
            .filter(|line| wanted.is_empty() || line.to_lowercase().contains(&wanted))
            .take(count)
            .collect();
        lines.reverse();
        lines
    }

    /// The registers that were accessed most, at most `count`, by device and name.
    pub(super) fn registers(&self, count: usize) -> Vec<(Option<DeviceAddress>, &str, Hot)> {
        let mut all: Vec<_> = self
            .registers
            .iter()
            .flat_map(|(device, registers)| {
                let named = registers.iter();
                named.map(|(name, hot)| (*device, name.as_str(), *hot))
            })
            .collect();
        all.sort_by(|(device, name, hot), (other_device, other, than)| {
            let busier = than.accesses.cmp(&hot.accesses);
            busier.then(name.cmp(other)).then(device.cmp(other_device))
        });
        all.truncate(count);
        all
    }

    /// Whether registers of several devices were accessed.
    pub(super) fn has_several_devices(&self) -> bool {
        self.registers.len() > 1
    }

    /// The place in that list.
    pub(super) const fn chosen(&self) -> usize {
        self.chosen
    }

    /// Takes a key.
    pub(super) fn key(&mut self, key: KeyEvent) -> Action {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return match key.code {
                KeyCode::Char('c' | 'd') => Action::Quit,
                _ => Action::Nothing,
            };
        }
        if self.typing {
            self.typed(key.code);
            return Action::Nothing;
        }
        match key.code {
            KeyCode::Char('q') => return Action::Quit,
            KeyCode::Char('/') => self.typing = true,
            KeyCode::Esc => {
                self.filter.clear();
                self.held = None;
            }
            KeyCode::Char(' ') => {
                self.held = match self.held {
                    Some(_) => None,
                    None => Some(0),
                }
            }
            KeyCode::PageUp => self.back(20),
            KeyCode::PageDown => self.held = self.held.and_then(|held| held.checked_sub(20)),
            KeyCode::Up => self.chosen = self.chosen.saturating_sub(1),
            KeyCode::Down => {
                let count: usize = self.registers.values().map(HashMap::len).sum();
                self.chosen = (self.chosen + 1).min(count.saturating_sub(1));
            }
            KeyCode::Char(letter) => return self.show(letter),
            _ => {}
        }
        Action::Nothing
    }

    fn typed(&mut self, code: KeyCode) {
        match code {
            KeyCode::Enter => self.typing = false,
            KeyCode::Esc => {
                self.typing = false;
                self.filter.clear();
            }
            KeyCode::Backspace => {
                self.filter.pop();
            }
            KeyCode::Char(letter) => self.filter.push(letter),
            _ => {}
        }
    }

    fn back(&mut self, lines: usize) {
        let most = self.lines.len().saturating_sub(1);
        self.held = Some((self.held.unwrap_or(0) + lines).min(most));
    }

    /// How much to show of the chosen register.
    fn show(&mut self, letter: char) -> Action {
        let how = match letter {
            'f' => "fields",
            'n' => "name",
            'c' => "changes",
            'o' => "off",
            _ => return Action::Nothing,
        };
        let registers = self.registers(self.chosen + 1);
        let Some((_, name, _)) = registers.get(self.chosen) else {
            return Action::Nothing;
        };
        let rule = format!("{name}={how}");
        self.message = format!("--show '{rule}'");
        Action::Show(rule)
    }

    /// What the screen is doing, and which keys there are.
    pub(super) fn status(&self) -> String {
        let state = match (self.ended, self.held) {
            (true, _) => "ended".to_owned(),
            (false, Some(held)) => format!("held, {held} lines behind"),
            (false, None) => "following".to_owned(),
        };
        if self.typing {
            return format!("filter: {}_   Enter: keep it   Esc: none", self.filter);
        }
        let filter = if self.filter.is_empty() {
            "/ filter".to_owned()
        } else {
            format!("filter `{}`, Esc: none", self.filter)
        };
        format!(
            "{state}   {filter}   Space hold   PgUp back   Up/Down register: f(ields) n(ame) c(hanges) o(ff)   q quit"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(view: &mut View, code: KeyCode) -> Action {
        view.key(KeyEvent::new(code, KeyModifiers::NONE))
    }

    #[test]
    fn holding_keeps_what_is_seen() {
        let mut view = View::default();
        (0..10).for_each(|n| view.push(&format!("line {n}\n")));
        assert_eq!(view.lines(2), ["line 8", "line 9"]);
        press(&mut view, KeyCode::Char(' '));
        view.push("line 10\n");
        assert_eq!(view.lines(2), ["line 8", "line 9"]);
        press(&mut view, KeyCode::PageUp);
        assert_eq!(view.lines(1), ["line 0"]);
        press(&mut view, KeyCode::Esc);
        assert_eq!(view.lines(1), ["line 10"]);
    }

    #[test]
    fn a_filter_is_typed_kept_and_dropped() {
        let mut view = View::default();
        view.push("W4 CTRL 0x1");
        view.push("R4 STATUS 0x1");
        for code in ['/', 'c', 't', 'q', '\x08'] {
            let code = match code {
                '\x08' => KeyCode::Backspace,
                letter => KeyCode::Char(letter),
            };
            assert_eq!(press(&mut view, code), Action::Nothing);
        }
        assert_eq!(view.lines(9), ["W4 CTRL 0x1"]);
        press(&mut view, KeyCode::Enter);
        assert_eq!(press(&mut view, KeyCode::Char('q')), Action::Quit);
        press(&mut view, KeyCode::Esc);
        assert_eq!(view.lines(9).len(), 2);
    }

    #[test]
    fn a_register_is_chosen_and_shown_otherwise() {
        let mut view = View::default();
        assert_eq!(press(&mut view, KeyCode::Char('o')), Action::Nothing);
        view.count(None, "CTRL", Some(1));
        for value in [2, 3] {
            view.count(None, "STATUS", Some(value));
        }
        view.count(None, "STATUS", None);
        let registers = view.registers(9);
        assert_eq!((registers[0].1, registers[0].2.accesses), ("STATUS", 3));
        assert_eq!(registers[0].2.value, Some(3));
        press(&mut view, KeyCode::Down);
        press(&mut view, KeyCode::Down);
        let rule = press(&mut view, KeyCode::Char('o'));
        assert_eq!(rule, Action::Show("CTRL=off".to_owned()));
    }

    #[test]
    fn lines_are_bounded() {
        let mut view = View::default();
        (0..KEPT + 5).for_each(|n| view.push(&n.to_string()));
        assert_eq!(view.lines(usize::MAX).len(), KEPT);
        assert_eq!(view.lines(usize::MAX)[0], "5");
    }
}

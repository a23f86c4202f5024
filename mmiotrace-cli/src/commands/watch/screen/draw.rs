//! The view as cells of a terminal.

use super::view::View;
use crate::output::{Style as Paint, pieces, printable};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph};

/// How wide the list of registers is.
const REGISTERS: u16 = 46;

/// Draws all of it.
pub(super) fn draw(frame: &mut Frame<'_>, view: &View) {
    let [main, message, status] = Layout::vertical([
        Constraint::Min(3),
        Constraint::Length(1),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    // On a narrow screen the trace has all of it.
    let wide = main.width > 2 * REGISTERS;
    let [trace, registers] = Layout::horizontal([
        Constraint::Min(10),
        Constraint::Length(if wide { REGISTERS } else { 0 }),
    ])
    .areas(main);
    let lines: Vec<Line<'_>> = view
        .lines(usize::from(trace.height))
        .into_iter()
        .map(painted)
        .collect();
    frame.render_widget(Paragraph::new(lines), trace);
    if wide {
        draw_registers(frame, view, registers);
    }
    let loud = Style::new().fg(Color::Yellow);
    frame.render_widget(
        Paragraph::new(printable(&view.message)).style(loud),
        message,
    );
    let reversed = Style::new().add_modifier(Modifier::REVERSED);
    frame.render_widget(
        Paragraph::new(printable(&view.status())).style(reversed),
        status,
    );
}

fn draw_registers(frame: &mut Frame<'_>, view: &View, area: Rect) {
    let block = Block::new().borders(Borders::LEFT).title(" registers");
    let inside = block.inner(area);
    frame.render_widget(block, area);
    let rows = view.registers(usize::from(inside.height));
    let several = view.has_several_devices();
    let lines: Vec<Line<'_>> = rows
        .iter()
        .enumerate()
        .map(|(row, (device, name, hot))| {
            let name = match device.filter(|_| several) {
                Some(device) => format!("{device} {name}"),
                None => (*name).to_owned(),
            };
            let name: String = printable(&name).chars().take(20).collect();
            let value = hot
                .value
                .map_or_else(String::new, |value| format!("{value:#x}"));
            let text = format!(" {name:<20} {:>9} {value:>12}", hot.accesses);
            let mut style = Style::new();
            if row == view.chosen() {
                style = style.add_modifier(Modifier::BOLD | Modifier::UNDERLINED);
            }
            Line::styled(text, style)
        })
        .collect();
    frame.render_widget(Paragraph::new(lines), inside);
}

/// The colours that the line was painted with.
fn painted(line: &str) -> Line<'_> {
    let spans = pieces(line).map(|(style, text)| match style {
        Some(style) => Span::styled(text, of(style)),
        None => Span::raw(text),
    });
    Line::from_iter(spans)
}

const fn of(paint: Paint) -> Style {
    match paint {
        Paint::Read => Style::new().fg(Color::Green),
        Paint::Write => Style::new().fg(Color::Yellow),
        Paint::Name => Style::new().fg(Color::Cyan),
        Paint::Faint => Style::new().add_modifier(Modifier::DIM),
        Paint::Changed => Style::new().add_modifier(Modifier::REVERSED),
        Paint::Marker => Style::new().fg(Color::Magenta),
        Paint::Bad => Style::new().fg(Color::Red),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mmiotrace_registers::DeviceAddress;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    fn screen(view: &View, width: u16) -> Terminal<TestBackend> {
        let mut terminal = Terminal::new(TestBackend::new(width, 8)).unwrap();
        terminal.draw(|frame| draw(frame, view)).unwrap();
        terminal
    }

    fn text(terminal: &Terminal<TestBackend>) -> String {
        let buffer = terminal.backend().buffer();
        let cells = buffer.content().chunks(usize::from(buffer.area.width));
        let rows = cells.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>());
        rows.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn lines_registers_message_and_keys() {
        let mut view = View::default();
        view.push("1.0 \x1b[33mW4 \x1b[0m CTRL 0x1\n");
        view.count(None, "CTRL", Some(0x41));
        view.message = "edited".to_owned();
        let wide = screen(&view, 120);
        let shown = text(&wide);
        assert!(shown.contains("1.0 W4  CTRL 0x1"), "{shown}");
        assert!(
            shown.contains("CTRL                         1         0x41"),
            "{shown}"
        );
        assert!(
            shown.contains("edited") && shown.contains("q quit"),
            "{shown}"
        );
        let cell = wide.backend().buffer().cell((4, 0)).unwrap();
        assert_eq!((cell.symbol(), cell.fg), ("W", Color::Yellow));
        let narrow = text(&screen(&view, 60));
        assert!(
            narrow.contains("CTRL 0x1") && !narrow.contains("0x41"),
            "{narrow}"
        );
    }

    #[test]
    fn two_cards_have_two_rows() {
        let mut view = View::default();
        for (device, value) in [("00:02.0", 1), ("00:03.0", 2)] {
            view.count(DeviceAddress::parse(device), "CTRL", Some(value));
        }
        let shown = text(&screen(&view, 120));
        for row in ["00:02.0 CTRL ", "00:03.0 CTRL "] {
            assert_eq!(shown.matches(row).count(), 1, "{shown}");
        }
    }

    #[test]
    fn any_size_is_drawn() {
        let mut view = View::default();
        (0..50).for_each(|n| view.push(&"é".repeat(n)));
        for width in [0, 1, 9, 93, 500] {
            screen(&view, width);
        }
    }
}

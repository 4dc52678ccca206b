//! The media plane of a world.

use super::World;
use super::network::Delivery;
use hotline_gateway::event::MediaQuality;
use hotline_gateway::media;
use hotline_gateway::time::Duration;

impl World {
    /// A media plane that always has a port and plays every prompt in three seconds, a tone in half of one.
    pub(super) fn media(&mut self, command: media::Command) {
        let of_hearing = |c: &&media::Command| matches!(c, media::Command::Hear { .. });
        let is_lost =
            of_hearing(&&command) && self.loses == Some(self.commands.iter().filter(of_hearing).count());
        if !is_lost {
            self.hearing.told(&command);
        }
        self.commands.push(command.clone());
        let soon = Duration::from_micros(100);
        match command {
            media::Command::Open { leg, .. } if let Some(why) = self.no_ports => {
                self.after(soon, Delivery::Media(media::Event::OpenFailed { leg, why }));
            }
            media::Command::Open { leg, resume, .. } => {
                let new = 20_000 + (self.next % 10_000) as u16 * 2;
                let port = resume.map_or(new, |resumed| resumed.port);
                self.open_ports.insert(leg, port);
                self.after(
                    soon,
                    Delivery::Media(media::Event::Opened { leg, local: media::LocalMedia::plain(port) }),
                );
            }
            media::Command::Hear { leg, source: media::Source::Prompt { prompt, play, repeat: false } } => {
                let played = media::Event::Played { leg, play, complete: true };
                let lasts = Duration::from_millis(if prompt.starts_with("tone-") { 500 } else { 3_000 });
                self.after(lasts, Delivery::Media(played));
            }
            media::Command::Pressed { leg, key, held } => {
                let digit = media::Event::Digit { leg, digit: key, held: Some(held) };
                self.after(soon, Delivery::Media(digit));
            }
            media::Command::Close { leg } => {
                self.open_ports.remove(&leg);
                let quality = MediaQuality { leg: Some(leg), ..MediaQuality::default() };
                self.after(soon, Delivery::Media(media::Event::Closed { leg, quality }));
            }
            _ => {}
        }
    }
}

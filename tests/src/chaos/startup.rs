//! The first packet of a connection. Source: PostgreSQL manual, "Message Formats", `StartupMessage`.

use bytes::Bytes;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// Larger than any start-up packet that a server accepts (10 000 bytes).
const LONGEST: usize = 16 * 1024;

/// Protocol 3.x: the upper half of the version word.
const PROTOCOL_3: u32 = 3;

#[derive(Debug)]
pub(super) struct FirstPacket {
    pub(super) bytes: Bytes,
    pub(super) application_name: Option<String>,
}

/// Reads one packet; what is not PostgreSQL's protocol is passed on as it came. `None` if the client went away.
pub(super) async fn read(client: &mut TcpStream) -> Option<FirstPacket> {
    let mut bytes = vec![0; 4];
    client.read_exact(&mut bytes).await.ok()?;
    let length = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize;
    if !(8..=LONGEST).contains(&length) {
        return Some(FirstPacket { bytes: bytes.into(), application_name: None });
    }
    bytes.resize(length, 0);
    client.read_exact(&mut bytes[4..]).await.ok()?;
    let application_name = application_name(&bytes[4..]);
    Some(FirstPacket { bytes: bytes.into(), application_name })
}

fn application_name(packet: &[u8]) -> Option<String> {
    let (version, parameters) = packet.split_first_chunk::<4>()?;
    if u32::from_be_bytes(*version) >> 16 != PROTOCOL_3 {
        return None;
    }
    let words: Vec<&[u8]> = parameters.split(|b| *b == 0).collect();
    let pair = words.chunks(2).find(|pair| pair[0] == b"application_name")?;
    pair.get(1).map(|value| String::from_utf8_lossy(value).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_application_name_is_found_among_other_parameters() {
        let packet = b"\x00\x03\x00\x00user\0me\0application_name\0pgstream worker 1\0\0";
        assert_eq!(application_name(packet).as_deref(), Some("pgstream worker 1"));
        assert_eq!(application_name(b"\x04\xd2\x16\x2f"), None, "a request for TLS has no parameters");
    }
}

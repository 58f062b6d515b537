//! The sandbox's names over UDP, on this host only: for the program's own resolver, dig and their like.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use hickory_resolver::proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, CAA, CNAME, SOA, TXT};
use hickory_resolver::proto::rr::{DNSClass, Name, RData, Record};
use tokio::net::UdpSocket;

use super::names::{NameRecord, NameReply};
use super::wire::Handler;

/// How long answers may be remembered, in seconds.
const TTL: u32 = 60;

/// The most that one datagram carries: what a resolver that says nothing else takes (RFC 1035).
const DATAGRAM: usize = 512;

/// A name server that listens.
pub(super) struct NameServer {
    socket: UdpSocket,
    /// Where it listens.
    pub(super) address: SocketAddr,
}

impl NameServer {
    /// Listens at a free port of 127.0.0.1.
    pub(super) async fn bind() -> io::Result<NameServer> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = socket.local_addr()?;
        Ok(NameServer { socket, address })
    }

    /// Answers until it is dropped. What is no question is passed over.
    pub(super) async fn serve(self, azure: Arc<dyn Handler>) {
        let mut buffer = [0; 4096];
        loop {
            let Ok((length, from)) = self.socket.recv_from(&mut buffer).await else {
                // The datagram before was refused by whoever should have got it.
                tokio::task::yield_now().await;
                continue;
            };
            let asked = buffer.get(..length).and_then(|bytes| Message::from_vec(bytes).ok());
            let Some(asked) = asked.filter(|asked| asked.metadata.message_type == MessageType::Query) else {
                continue;
            };
            if let Some(answer) = answer(&*azure, &asked) {
                // A client that has gone away does not want it.
                let _ = self.socket.send_to(&answer, from).await;
            }
        }
    }
}

/// The answer to a question; none when the sandbox says nothing.
fn answer(azure: &dyn Handler, asked: &Message) -> Option<Vec<u8>> {
    let mut message = Message::response(asked.metadata.id, asked.metadata.op_code);
    message.metadata.recursion_desired = asked.metadata.recursion_desired;
    message.metadata.recursion_available = true;
    message.add_queries(asked.queries.iter().cloned());
    let query = match asked.queries.as_slice() {
        [query] if asked.metadata.op_code == OpCode::Query && query.query_class() == DNSClass::IN => query,
        _ => {
            message.metadata.response_code = ResponseCode::NotImp;
            return message.to_vec().ok();
        }
    };
    let name = query.name().to_ascii();
    match azure.name(&name, &query.query_type().to_string()) {
        NameReply::Records(records) => {
            let mut owner = query.name().clone();
            for record in records {
                let (name, data, next) = to_wire(record, &owner)?;
                message.add_answer(Record::from_rdata(name, TTL, data));
                owner = next;
            }
        }
        NameReply::Nothing => {}
        NameReply::NoName => message.metadata.response_code = ResponseCode::NXDomain,
        NameReply::Failed("REFUSED") => message.metadata.response_code = ResponseCode::Refused,
        NameReply::Failed(_) => message.metadata.response_code = ResponseCode::ServFail,
        NameReply::Silence => return None,
    }
    let room = asked.edns.as_ref().map_or(DATAGRAM, |edns| usize::from(edns.max_payload()).max(DATAGRAM));
    let bytes = message.to_vec().ok()?;
    if bytes.len() <= room { Some(bytes) } else { message.truncate().to_vec().ok() }
}

/// A record as it is sent: whose it is, and whose what follows is.
fn to_wire(record: NameRecord, owner: &Name) -> Option<(Name, RData, Name)> {
    let name = |text: &str| Name::from_ascii(format!("{text}.")).ok();
    let data = match record {
        NameRecord::A(address) => RData::A(A(address)),
        NameRecord::Aaaa(address) => RData::AAAA(AAAA(address)),
        NameRecord::Cname { target, .. } => {
            let target = name(&target)?;
            return Some((owner.clone(), RData::CNAME(CNAME(target.clone())), target));
        }
        NameRecord::Txt(parts) => RData::TXT(TXT::new(parts)),
        NameRecord::Caa { flags, tag, value } => {
            let mut caa = CAA::new_issue(flags & 0x80 != 0, None, Vec::new());
            caa.reserved_flags = flags & 0x7f;
            caa.tag = tag;
            caa.value = value.into_bytes();
            RData::CAA(caa)
        }
        NameRecord::Soa { mname, rname, serial } => {
            RData::SOA(SOA::new(name(&mname)?, name(&rname)?, serial, 3600, 300, 2_419_200, 300))
        }
    };
    Some((owner.clone(), data, owner.clone()))
}

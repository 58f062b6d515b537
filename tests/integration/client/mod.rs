//! The ARM client against a server that answers by script, and against sockets that record what arrives.

mod credentials;
mod hostile;
mod ids;
mod lists;
mod operations;
mod reads;
mod script;
mod writes;

//! End to end tests, by feature.

mod bench;
mod browser;
#[path = "../../console/src/testing/cluster.rs"]
mod cluster;
mod console_abuse;
mod console_disk;
mod console_pages;
mod console_timing;
mod console_work;
mod crash;
mod daemon_clock;
mod daemon_crash;
mod daemon_crash_random;
mod daemon_disk;
mod daemon_files;
mod daemon_people;
mod daemon_radio;
mod demo;
mod fuzz;
mod kiosk;
mod kiosk_page;
mod kiosk_units;
mod privacy;
mod radio;
mod scenarios;
mod stolen_disk;
mod sync_batches;
mod sync_clock;
mod sync_faults;
mod sync_join;
mod sync_replicas;
mod sync_rogue;
mod sync_stage;
mod sync_tls;
mod tidy;
mod world;

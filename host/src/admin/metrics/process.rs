//! What the system says of this process, by the names that all programs use.

use std::fmt::Result;

use super::page::Page;

/// The lines; what the system does not say is left out.
pub(super) fn lines(page: &mut Page<'_>) -> Result {
    if let Some(stat) = Stat::read() {
        let help = "Memory of the process that is in use, in bytes.";
        page.gauge("process_resident_memory_bytes", help, stat.resident_bytes)?;
        let help = "Address space of the process, in bytes; the pool of instances reserves most.";
        page.gauge("process_virtual_memory_bytes", help, stat.virtual_bytes)?;
        page.counter_seconds(
            "process_cpu_seconds",
            "Processor time that the process has used.",
            stat.cpu_seconds,
        )?;
        page.gauge("process_threads", "Threads of the process.", stat.threads)?;
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        let help = "Open files and sockets of the process.";
        page.gauge("process_open_fds", help, open.count() as f64)?;
    }
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    if let Some(limit) = limit {
        let help = "Files and sockets that the process may have open.";
        page.gauge("process_max_fds", help, limit as f64)?;
    }
    Ok(())
}

/// Of `/proc/self/stat`.
#[derive(PartialEq, Debug)]
struct Stat {
    cpu_seconds: f64,
    threads: f64,
    virtual_bytes: f64,
    resident_bytes: f64,
}

impl Stat {
    fn read() -> Option<Stat> {
        let text = std::fs::read_to_string("/proc/self/stat").ok()?;
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        Stat::parse(&text, ticks, rustix::param::page_size() as f64)
    }

    fn parse(text: &str, ticks_per_second: f64, page_bytes: f64) -> Option<Stat> {
        // The second field is the program's name, which may hold anything.
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        // As `man 5 proc_pid_stat` numbers them; the first here is the third.
        let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
        Some(Stat {
            cpu_seconds: (field(14)? + field(15)?) / ticks_per_second,
            threads: field(20)?,
            virtual_bytes: field(23)?,
            resident_bytes: field(24)? * page_bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_found_whatever_the_program_is_called() {
        let text = "7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 9 0 100 8192 3 1 1";
        let stat =
            Stat { cpu_seconds: 3.0, threads: 9.0, virtual_bytes: 8192.0, resident_bytes: 12288.0 };
        assert_eq!(Stat::parse(text, 100.0, 4096.0), Some(stat));
        assert_eq!(Stat::parse("7 (a) S 1", 100.0, 4096.0), None);
        assert!(Stat::read().is_some());
    }
}

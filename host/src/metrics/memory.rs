//! Memory of this process, as the kernel tells it.

/// Bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Resident {
    pub(super) now: i64,
    pub(super) peak: i64,
}

/// What is resident; nothing where the kernel does not tell.
pub(super) fn resident() -> Resident {
    std::fs::read_to_string("/proc/self/status")
        .map(|status| parse(&status))
        .unwrap_or_default()
}

fn parse(status: &str) -> Resident {
    let kib = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix("kB")?.trim().parse::<i64>().ok()
    };
    let bytes = |name| kib(name).map_or(0, |kib| kib.saturating_mul(1024));
    Resident {
        now: bytes("VmRSS:"),
        peak: bytes("VmHWM:"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_words_are_understood() {
        let status = "Name:\trowmill\nVmHWM:\t  204800 kB\nVmRSS:\t    1024 kB\n";
        assert_eq!(
            parse(status),
            Resident {
                now: 1 << 20,
                peak: 200 << 20,
            }
        );
        assert_eq!(parse("VmRSS: many\n"), Resident::default());
        assert!(resident().now > 0);
    }
}

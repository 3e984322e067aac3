//! Civil dates to UNIX time, and the date as the CMOS clock keeps it
//! (MC146818A data sheet, "Time, Calendar and Alarm Locations" and
//! "Register B").

/// A date and time of day in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    /// Year, complete.
    pub year: i64,
    /// 1 to 12.
    pub month: i64,
    /// 1 to 31.
    pub day: i64,
    /// 0 to 23.
    pub hour: i64,
    /// 0 to 59.
    pub minute: i64,
    /// 0 to 60.
    pub second: i64,
}

impl Date {
    /// Seconds since 1970-01-01 00:00:00 UTC; `None` if there is no such date.
    pub fn unix_time(self) -> Option<i64> {
        let plausible = (1970..=9999).contains(&self.year)
            && (1..=12).contains(&self.month)
            && (1..=31).contains(&self.day)
            && (0..24).contains(&self.hour)
            && (0..60).contains(&self.minute)
            && (0..=60).contains(&self.second);
        plausible.then(|| {
            // Count years from March, so that the leap day comes last.
            let year = if self.month <= 2 { self.year - 1 } else { self.year };
            let month = (self.month + 9) % 12;
            let day_of_year = (153 * month + 2) / 5 + self.day - 1;
            let days = year * 365 + year / 4 - year / 100 + year / 400 + day_of_year;
            // 719468 days lie between 0000-03-01 and 1970-01-01.
            (((days - 719_468) * 24 + self.hour) * 60 + self.minute) * 60 + self.second
        })
    }
}

/// The clock's registers as read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CmosTime {
    /// Second.
    pub second: u8,
    /// Minute.
    pub minute: u8,
    /// Hour; bit 7 is PM in the 12-hour format.
    pub hour: u8,
    /// Day of the month.
    pub day: u8,
    /// Month.
    pub month: u8,
    /// Year of the century.
    pub year: u8,
    /// Century, in the register that PC firmware uses for it.
    pub century: u8,
    /// Register B, which tells the format.
    pub status_b: u8,
}

/// Register B: hours run from 0 to 23.
const FORMAT_24_HOURS: u8 = 1 << 1;
/// Register B: numbers are binary, not BCD.
const FORMAT_BINARY: u8 = 1 << 2;
/// Hour register: afternoon, in the 12-hour format.
const AFTERNOON: u8 = 1 << 7;

impl CmosTime {
    /// Decodes the registers.
    pub fn date(self) -> Date {
        let number = |raw: u8| {
            i64::from(match self.status_b & FORMAT_BINARY {
                0 => (raw >> 4) * 10 + (raw & 0xf),
                _ => raw,
            })
        };
        let mut hour = number(self.hour & !AFTERNOON);
        if self.status_b & FORMAT_24_HOURS == 0 {
            hour = hour % 12 + if self.hour & AFTERNOON != 0 { 12 } else { 0 };
        }
        // The century register is no part of the chip's standard.
        let century = match number(self.century) {
            century @ 19..=21 => century,
            _ => 20,
        };
        Date {
            year: century * 100 + number(self.year),
            month: number(self.month),
            day: number(self.day),
            hour,
            minute: number(self.minute),
            second: number(self.second),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unix(year: i64, month: i64, day: i64, hour: i64, minute: i64, second: i64) -> Option<i64> {
        Date { year, month, day, hour, minute, second }.unix_time()
    }

    #[test]
    fn known_dates() {
        assert_eq!(unix(1970, 1, 1, 0, 0, 0), Some(0));
        assert_eq!(unix(2000, 2, 29, 12, 0, 0), Some(951_825_600));
        assert_eq!(unix(2038, 1, 19, 3, 14, 8), Some(1 << 31));
        assert_eq!(unix(2026, 11, 22, 0, 0, 0), Some(1_795_305_600));
    }

    #[test]
    fn impossible_dates_are_none() {
        assert_eq!(unix(2026, 13, 1, 0, 0, 0), None);
        assert_eq!(unix(2026, 0, 1, 0, 0, 0), None);
        assert_eq!(unix(2026, 1, 1, 24, 0, 0), None);
        assert_eq!(unix(0, 1, 1, 0, 0, 0), None);
    }

    #[test]
    fn bcd_and_binary_12_and_24_hours_decode_to_the_same() {
        let expected = Date { year: 2026, month: 11, day: 22, hour: 17, minute: 59, second: 8 };
        let bcd = CmosTime {
            second: 0x08,
            minute: 0x59,
            hour: 0x17,
            day: 0x22,
            month: 0x11,
            year: 0x26,
            century: 0x20,
            status_b: FORMAT_24_HOURS,
        };
        assert_eq!(bcd.date(), expected);
        let twelve = CmosTime { hour: 0x05 | AFTERNOON, status_b: 0, ..bcd };
        assert_eq!(twelve.date(), expected);
        let binary = CmosTime {
            second: 8,
            minute: 59,
            hour: 17,
            day: 22,
            month: 11,
            year: 26,
            century: 0,
            status_b: FORMAT_24_HOURS | FORMAT_BINARY,
        };
        assert_eq!(binary.date(), expected);
        let midnight = CmosTime { hour: 0x12, status_b: 0, ..bcd };
        assert_eq!(midnight.date().hour, 0);
    }
}

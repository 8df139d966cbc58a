import { describe, expect, test } from 'vitest';
import { ago, bytes, change, count, day, duration, exact, moment, money, plural, share, words } from '../../src/format';

describe('numbers', () => {
  test.each([
    [0, '0 B'], [1, '1 B'], [1023, '1023 B'], [1024, '1.00 KiB'], [1536, '1.50 KiB'], [10 * 1024, '10.0 KiB'],
    [1024 ** 2 - 1, '1.00 MiB'], [1839094234, '1.71 GiB'], [2 ** 53 - 1, '8.00 PiB'], [-1536, '−1.50 KiB'],
  ])('%d bytes are shown as %s', (value, text) => expect(bytes(value)).toBe(text));

  test('an unknown number is never a zero', () => {
    for (const show of [bytes, change, count]) {
      expect(show(null)).toBe('–');
      expect(show(undefined)).toBe('–');
    }
    expect(exact(null)).toBe('not known');
    expect(money(null, 'USD')).toBe('–');
    expect(share(null, 5)).toBe('–');
    expect(share(5, 0)).toBe('–');
  });

  test('a change has its sign, and no change has none', () => {
    expect([change(2048), change(-2048), change(0)]).toEqual(['+2.00 KiB', '−2.00 KiB', '0 B']);
  });

  test('counts have separators, also between millions', () => {
    expect([count(0), count(999), count(1000), count(1234567), count(-1000)]).toEqual(['0', '999', '1,000', '1,234,567', '−1,000']);
    expect(plural(1, 'table')).toBe('1 table');
    expect(plural(2, 'table')).toBe('2 tables');
  });

  test('money below a cent is not shown as nothing', () => {
    expect([money(0, 'USD'), money(0.004, 'USD'), money(12.3, 'USD'), money(1234.5, 'EUR')]).toEqual(['0.00 USD', '< 0.01 USD', '12.30 USD', '1,235 EUR']);
  });

  test('a small share is not shown as nothing', () => {
    expect([share(1, 10_000), share(1, 3), share(50, 100), share(-1, 2), share(-1, -2)]).toEqual(['< 0.1 %', '33 %', '50 %', '−50 %', '50 %']);
  });
});

describe('times', () => {
  const now = Date.parse('2026-11-28T12:00:00Z');
  test.each([
    ['2026-11-28T11:59:59Z', 'now'], ['2026-11-28T11:59:00Z', '1 min ago'], ['2026-11-28T10:30:00Z', '90 min ago'],
    ['2026-11-28T09:30:00Z', '2 h ago'], ['2026-11-25T12:00:00Z', '3 d ago'], ['2026-11-28T12:05:00Z', 'in 5 min'], ['soon', '–'],
  ])('%s is %s', (time, text) => expect(ago(time, now)).toBe(text));

  test('days and minutes are those of UTC', () => {
    expect(day('2026-11-28T23:59:59Z')).toBe('28 Nov 2026');
    expect(moment('2026-11-29T00:30:00+01:00')).toBe('28 Nov 2026 23:30 UTC');
    expect(day(null)).toBe('–');
    expect(duration(45)).toBe('45 s');
  });

  test('words of the API are words for people', () => expect(words('no_metrics')).toBe('no metrics'));
});

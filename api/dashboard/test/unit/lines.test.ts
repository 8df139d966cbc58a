import { describe, expect, test } from 'vitest';
import { path } from '../../src/sparkline';
import { readClaims } from '../../src/token';
import { addDaily, addGrowth } from '../../src/trend';
import { place } from '../../src/waterfall';

describe('small lines', () => {
  test('a missing day lifts the pen', () => {
    expect(path([0, 1, null, 2, 3], [], 96, 24).match(/M/g)).toHaveLength(2);
    expect(path([0, 1, 2], [], 96, 24).match(/M/g)).toHaveLength(1);
  });

  test('a change of the method lifts the pen, too', () => {
    expect(path([0, 1, 2, 3], [2]).match(/M/g)).toHaveLength(2);
    expect(path([0, 1, 2], [1, 2])).toMatch(/^M\S+ \S+h\.1M\S+ \S+h\.1M\S+ \S+h\.1$/);
  });

  test('a day between two gaps is a dot, and no day is nothing', () => {
    expect(path([null, 5, null], [], 96, 24)).toBe('M48.0 12.0h.1');
    expect(path([null, null])).toBe('');
  });
});

describe('several targets', () => {
  test('their daily totals are added, and a day that one does not have is a gap', () => {
    const a = { from: '2026-11-01', totals: [1, 2, null, 4], breaks: [] };
    const b = { from: '2026-11-02', totals: [10, 20, 30], breaks: ['2026-11-03'] };
    expect(addDaily([a, b])).toEqual({ from: '2026-11-01', totals: [null, 12, null, 34], breaks: ['2026-11-03'] });
    expect(addDaily([a, { from: null, totals: [], breaks: [] }])).toEqual({ from: null, totals: [], breaks: [] });
    expect(addDaily([])).toEqual({ from: null, totals: [], breaks: [] });
  });

  test('their growth is known when that of each is', () => {
    const growth = (rate: number | null) => ({ bytes_per_day: rate }) as Parameters<typeof addGrowth>[0][number];
    expect(addGrowth([growth(5), growth(-2)])).toBe(3);
    expect(addGrowth([growth(5), growth(null)])).toBeNull();
    expect(addGrowth([growth(5), null])).toBeNull();
    expect(addGrowth([])).toBeNull();
  });
});

test('each bar of a waterfall starts where the one above ended', () => {
  const bars = place(100, [{ name: 'a', change: 30 }, { name: 'b', change: -50 }], 80);
  expect(bars.map(({ from, to, kind }) => [from, to, kind])).toEqual([[0, 100, 'total'], [100, 130, 'up'], [130, 80, 'down'], [0, 80, 'total']]);
});

describe('tokens', () => {
  const token = (claims: object) => `x.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.y`;
  test('say what they may read', () => {
    expect(readClaims(token({ scope: 'mrt/a mrt/b', username: 'Zoë', mrt_environments: 'acme-prod,acme-test' }))).toEqual({
      scopes: ['mrt/a', 'mrt/b'], name: 'Zoë', environments: ['acme-prod', 'acme-test'],
    });
  });

  test('name their environments by claim or group, and all of them by a star or the group of all', () => {
    const environments = (claims: object) => readClaims(token(claims)).environments;
    expect(environments({ 'cognito:groups': ['mrt-environment-acme-prod', 'admins'], mrt_environments: 'acme-test' })).toEqual(['acme-test', 'acme-prod']);
    expect(environments({ 'cognito:groups': ['mrt-environment-all', 'mrt-environment-acme-prod'] })).toBeNull();
    expect(environments({ mrt_environments: '*' })).toBeNull();
  });

  test('without claims, and texts that are none, may read nothing', () => {
    for (const text of ['', 'x', 'a.b.c', token({})]) expect(readClaims(text)).toEqual({ scopes: [], name: null, environments: null });
  });
});

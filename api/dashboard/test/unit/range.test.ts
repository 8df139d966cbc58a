import { describe, expect, test } from 'vitest';
import { daysOf, picked, rangeOf, rangeQuery } from '../../src/range';
import { href, parse } from '../../src/route';

const NOW = Date.parse('2026-11-28T12:00:00Z');

describe('ranges', () => {
  test('without one, five weeks are shown', () => {
    expect(rangeOf({})).toEqual({ from: '-35d', to: null, step: '1d' });
    expect(picked({})).toBe('35d');
    expect(daysOf(rangeOf({}), NOW)).toEqual(['2026-10-24', '2026-11-28']);
  });

  test('a year is named in the address', () => {
    expect(rangeOf({ range: '1y' }).from).toBe('-365d');
    expect(rangeQuery({ range: '1y', q: 'x' })).toEqual({ range: '1y', from: null, to: null });
  });

  test('two days of one\'s own include the last one', () => {
    const query = { from: '2026-02-27', to: '2026-02-28' };
    expect(rangeOf(query)).toEqual({ from: '2026-02-27T00:00:00Z', to: '2026-03-01T00:00:00Z', step: '1h' });
    expect(daysOf(rangeOf(query), NOW)).toEqual(['2026-02-27', '2026-02-28']);
    expect(picked(query)).toBeNull();
  });

  test.each([[{ from: '2026-03-02', to: '2026-03-01' }], [{ from: 'x', to: '2026-03-01' }], [{ range: '9y' }], [{ from: '2026-03-01' }]])(
    '%j is no range', (query) => expect(rangeOf(query)).toEqual({ from: '-35d', to: null, step: '1d' }));
});

describe('addresses', () => {
  test('a route comes back from its address, whatever its names hold', () => {
    const path = ['environment', 'a/b c', 'tables', 'public', 'sales$order%?'];
    expect(parse(href(path, { q: 'x&y=z', empty: '' }))).toEqual({ path, query: { q: 'x&y=z' } });
  });

  test('a broken address is shown as it is', () => expect(parse('#/environment/%E0%A4%A').path).toEqual(['environment', '%E0%A4%A']));
});

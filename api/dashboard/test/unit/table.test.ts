import { expect, test } from 'vitest';
import { sorted } from '../../src/table';

const rows = [{ n: 'b', v: 2 }, { n: 'A', v: null }, { n: 'c', v: 0 }, { n: 'a', v: 2 }];
const names = (list: typeof rows) => list.map(({ n }) => n).join('');

test('numbers sort in both directions, and what is unknown is last in both', () => {
  expect(names(sorted(rows, ({ v }) => v, 'ascending'))).toBe('cbaA');
  expect(names(sorted(rows, ({ v }) => v, 'descending'))).toBe('bacA');
});

test('texts sort without regard to case, and equals keep their order', () => {
  expect(names(sorted(rows, ({ n }) => n, 'ascending'))).toBe('Aabc');
  expect(names(sorted(rows, ({ v }) => v === 2, 'descending'))).toBe('baAc');
});

test('sorting leaves the rows themselves in their order', () => {
  sorted(rows, ({ v }) => v, 'ascending');
  expect(names(rows)).toBe('bAca');
});

import { describe, expect, test } from 'vitest';
import { ends, gaps, lonely, stack, sum } from '../../src/stack';

describe('stacking', () => {
  test('each area rests on those below', () => {
    expect(stack([[1, 2], [10, 20], [100, 200]])).toEqual([[1, 2], [11, 22], [111, 222]]);
  });

  test('a missing value is a gap in its own area and nothing in those above', () => {
    expect(stack([[1, null, 3], [10, 20, null]])).toEqual([[1, null, 3], [11, 20, null]]);
  });

  test('a sum with a missing value is not known', () => {
    expect(sum([[1, null, 0], [10, 20, 0]])).toEqual([11, null, 0]);
    expect(sum([[1, 2], [3]])).toEqual([4, null]);
    expect(sum([])).toEqual([]);
  });
});

describe('gaps', () => {
  test('are stretches of missing values, and zero is not one', () => {
    expect(gaps([null, 0, null, null, 5, null])).toEqual([[0, 0], [2, 3], [5, 5]]);
    expect(gaps([0, 0])).toEqual([]);
  });

  test('a value between two gaps is found, because no line goes through it', () => {
    expect(lonely([null, 4, null, 5, 6, null, 7])).toEqual([1, 6]);
  });

  test('the ends of a series are its first and last known values', () => {
    expect(ends([null, 3, null, 9, null])).toEqual([3, 9]);
    expect(ends([null])).toEqual([null, null]);
  });
});

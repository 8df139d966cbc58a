import { describe, expect, test } from 'vitest';
import { collectionOf } from '../../src/collection';
import type { Fleet } from '../../src/fleet';
import { type History, marksOf } from '../../src/history';

const history = { from: '2026-11-01T00:00:00Z', to: '2026-11-30T00:00:00Z', items: [] } as unknown as History;
const failure = (since: string, at: string) => ({ failing_since: since, failed_at: at, reason: 'refused' }) as Parameters<typeof marksOf>[1][number];

describe('failures on a line', () => {
  test('are marked where they began, and the newest', () => {
    const marks = marksOf(history, [failure('2026-11-20T10:00:00Z', '2026-11-29T10:00:00Z')]);
    expect(marks.map(({ text }) => text)).toEqual(['every run has failed from here on', 'failed: refused']);
    expect(marks[0]!.at).toBe(Date.parse('2026-11-20T10:00:00Z') / 1000);
  });

  test('are one mark when there was one, and none outside the range', () => {
    expect(marksOf(history, [failure('2026-11-29T10:00:00Z', '2026-11-29T10:00:00Z')])).toHaveLength(1);
    expect(marksOf(history, [failure('2026-10-01T10:00:00Z', '2026-11-29T10:00:00Z')]).map(({ text }) => text)).toEqual(['failed: refused']);
  });
});

describe('reports of S3 Inventory', () => {
  const fleet = (items: unknown[]) => ({ storage: { items, pending: [] }, tables: null }) as unknown as Fleet;
  const bucket = (runs: number, read: number | null) => ({
    collection: { runs_per_day: runs, run_seconds: 1, list_requests: 0 }, inventory: read === null ? null : { read_bytes: read },
  });

  test('are added up by day', () => {
    expect(collectionOf(fleet([bucket(1, 1000), bucket(0.5, 300), bucket(24, null)])).reportBytes).toBe(1150);
  });

  test('are not zero bytes where none is read', () => {
    expect(collectionOf(fleet([bucket(24, null)])).reportBytes).toBeNull();
    expect(collectionOf({ storage: null, tables: null }).reportBytes).toBeNull();
  });
});

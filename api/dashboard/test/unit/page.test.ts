import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';

const page = readFileSync(new URL('../../dist/index.html', import.meta.url), 'utf8');

test('the page is one document of at most 60 KB', () => {
  expect(gzipSync(page, { level: 9 }).length).toBeLessThanOrEqual(60_000);
  expect(page).not.toMatch(/<(link|img|iframe)[^>]*(href|src)="(?!data:)/);
  expect(page.match(/<script/g)).toHaveLength(1);
});

test('the page builds no markup from texts, and runs none', () => {
  expect(page.match(/innerHTML|insertAdjacentHTML|document\.write|outerHTML|\beval\(|new Function\(/)).toBeNull();
});

test('the lock file names no registry', () => {
  const lock = readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8');
  expect(lock).not.toMatch(/"resolved"|registry\./);
});

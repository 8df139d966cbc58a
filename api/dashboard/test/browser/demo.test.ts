// The page in front of the real server: `mrt serve --demo`, its issuer and its data.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { execFileSync } from 'node:child_process';
import type { Schemas } from '../../src/api';
import { closeBrowser, Visit, type VisitOptions } from './browser';
import { Server } from './server';

let server: Server;
const visits: Visit[] = [];

beforeAll(async () => {
  server = await Server.start();
});
afterEach(async () => {
  for (const each of visits.splice(0)) await each.finish();
});
afterAll(async () => {
  await closeBrowser();
  await server.stop();
});

async function visit(fragment: string, account = 'all', options: VisitOptions = {}): Promise<Visit> {
  const tab = await Visit.start(options);
  visits.push(tab);
  await tab.login(server.url + fragment, account);
  return tab;
}

const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);
const number = (text: string | undefined) => (text === '' || text === undefined ? null : Number(text));

describe('numbers are those of the API', () => {
  test('on the fleet', async () => {
    const tab = await visit('');
    const storage = await tab.answer<Schemas['BucketSizes']>('/bucket_size');
    const tables = await tab.answer<Schemas['TableSizes']>('/table_size');
    await expect.poll(async () => (await tab.csv('fleet')).every(({ users }) => users !== '')).toBe(true);
    const users = await tab.answer<Schemas['FleetUsers']>('/users');
    const months = await tab.answer<Schemas['UserHistory']>('/users/history?from=-35d');
    await expect.poll(async () => (await tab.csv('fleet')).every((row) => row.users_35_days !== '')).toBe(true);

    const rows = await tab.csv('fleet');
    expect(rows.map(({ environment }) => environment).sort()).toEqual(['acme-prod', 'acme-test', 'globex-prod', 'globex-test']);
    for (const row of rows) {
      const buckets = storage.items.filter(({ environment }) => environment === row.environment);
      const [database] = tables.items.filter(({ environment }) => environment === row.environment);
      const counts = users.items.find(({ environment }) => environment === row.environment)?.counts;
      expect(number(row.files_bytes)).toBe(sum(buckets.map(({ total_bytes: bytes }) => bytes)));
      expect(number(row.database_bytes)).toBe(database!.total_bytes);
      expect(number(row.cost_monthly)).toBeCloseTo(sum(buckets.map(({ cost }) => cost.monthly_total)), 10);
      expect(number(row.users)).toBe(counts!.metering.named_user_count);
      const days = months.items.find(({ environment }) => environment === row.environment)!.months.flatMap(({ days }) => days!);
      const before = new Date(Date.parse(days.at(-1)!.day) - 7 * 86_400_000).toISOString().slice(0, 10);
      const earlier = days.find(({ day }) => day === before)?.named_user_count;
      expect(number(row.users_per_week)).toBe(earlier === undefined ? null : days.at(-1)!.named_user_count - earlier);
      const rate = database!.growth?.bytes_per_day ?? null;
      expect(number(row.database_bytes_per_week)).toBe(rate === null ? null : rate * 7);
    }
    // What is read is what is saved: the exact bytes are the title of the rounded ones.
    const shown = await tab.page.locator('#environments td:nth-child(3) span[title]').evaluateAll((cells) => cells.map((cell) => Number(cell.getAttribute('title')!.replace(/\D/g, ''))));
    expect(shown).toEqual(rows.map(({ files_bytes: bytes }) => number(bytes)));
  });

  test('on an environment, over time', async () => {
    const tab = await visit('#/environment/acme-prod?range=7d');
    for (const [panel, route] of [['files', '/bucket_size/history'], ['database', '/table_size/history']] as const) {
      const answer = await tab.answer<Schemas['DatabaseHistories']>(`${route}?environment=acme-prod${route.startsWith('/bucket') ? '&limit=100' : ''}&from=-7d&step=1h`);
      const rows = await tab.csv(panel);
      expect(rows.map(({ total_bytes: total }) => number(total))).toEqual(answer.items[0]!.series[0]!.values);
      expect(rows.some(({ total_bytes: total }) => number(total) !== null)).toBe(true);
    }
    const { items: [item] } = await tab.answer<Schemas['DatabaseHistories']>('/table_size/history?environment=acme-prod&from=-7d&step=1h&group=module');
    const rows = await tab.csv('database');
    for (const { name, values } of item!.series) expect(rows.map((row) => number(row[name]))).toEqual(values);
  });

  test('by prefix, of the bucket for which the fleet file asks, and of no other', async () => {
    const tab = await visit('#/environment/acme-prod');
    const { items: [item] } = await tab.answer<Schemas['BucketSizes']>('/bucket_size?environment=acme-prod&include=prefixes');

    const rows = await tab.csv('prefixes');
    const { prefixes } = item!.by_prefix!;
    expect(prefixes.length).toBeGreaterThan(2);
    const lines = (list: [string, number, number][]) => [...list].sort();
    expect(lines(rows.map(({ prefix, bytes, objects }) => [prefix!, Number(bytes), Number(objects)])))
      .toEqual(lines(prefixes.map(({ prefix, total_bytes: bytes, object_count: count }) => [prefix, bytes, count])));
    expect(sum(rows.map(({ bytes }) => Number(bytes)))).toBe(item!.total_bytes);
    await tab.show('#/environment/acme-test');
    expect(await tab.page.isVisible('#prefixes')).toBe(false);
  });

  test('on the storage of a server, with its forecast', async () => {
    const tab = await visit('#/environment/acme-prod');
    const { items: [item] } = await tab.answer<Schemas['TableSizes']>('/table_size?environment=acme-prod&include=trend');
    const { storage, full } = item!;

    const exact = await tab.page.locator('#storage [aria-label="Used, free and allocated storage"] td[title]').evaluateAll((cells) => cells.map((cell) => Number(cell.getAttribute('title')!.replace(/\D/g, ''))));
    expect(exact).toEqual([storage.used_bytes, storage.free_bytes, storage.allocated_bytes]);
    const year = full!.at!.slice(0, 4);
    expect(await tab.page.textContent('#storage .marks')).toMatch(new RegExp(`full on \\d+ \\w+ ${year}, between`));
    // The chart's points are in a table: from little more than what is used to more than the limit, in the band of the growth.
    await tab.page.click('#storage summary');
    const rows = await tab.page.locator('#storage [aria-label="Forecast of used storage"] tbody tr').evaluateAll((all) => all.map((row) => [...row.querySelectorAll('td')].map((cell) => Number(cell.getAttribute('title')!.replace(/\D/g, '')))));
    expect(rows).toHaveLength(6);
    for (const [low, middle, high] of rows) expect(storage.used_bytes! < low! && low! < middle! && middle! < high!).toBe(true);
    expect(rows.at(-1)![1]).toBeGreaterThan(full!.limit_bytes!);
    // The band of the forecast is wide enough to be seen: its colour is in a tenth of the last column of pixels.
    tab.expected = /willReadFrequently/;
    const share = await tab.page.evaluate(() => {
      const canvas = document.querySelector<HTMLCanvasElement>('#storage canvas')!;
      const { data } = canvas.getContext('2d')!.getImageData(canvas.width - 30 * devicePixelRatio, 0, 1, canvas.height);
      const painted = Array.from({ length: canvas.height }, (_, row) => data.slice(row * 4, row * 4 + 4)).filter(([red, green, , alpha]) => alpha! > 0 && green! > red!);
      return painted.length / canvas.height;
    });
    expect(share).toBeGreaterThan(0.1);
  });

  test('on what grew, and they add up', async () => {
    const tab = await visit('#/environment/acme-prod/grew?by=table');
    const { items: [item] } = await tab.answer<Schemas['DatabaseChangesPage']>('/table_size/changes');

    const changes = item!.changes!;
    const rows = await tab.csv('changes');
    expect(sum(rows.map(({ change_bytes: bytes }) => Number(bytes)))).toBe(changes.change_bytes);
    expect(rows.filter(({ name }) => name !== 'other')).toHaveLength(changes.parts.length);
    expect(await tab.page.textContent('#changes')).toContain('add up to it, to the byte');
  });

  test('on the tables, and on the page of one', async () => {
    const tab = await visit('#/environment/acme-prod/tables');
    const { items: [item] } = await tab.answer<Schemas['TableSizes']>('/table_size?');

    const rows = await tab.csv('tables');
    expect(rows).toHaveLength(item!.tables.length);
    for (const [index, each] of item!.tables.entries()) {
      const row = rows[index]!;
      expect(row.table).toBe(`${each.schema}.${each.table}`);
      for (const key of ['total_bytes', 'heap_bytes', 'toast_bytes', 'index_bytes', 'row_estimate', 'dead_row_estimate'] as const) expect(number(row[key])).toBe(each[key]);
    }
    await tab.page.click('#all-tables tbody tr:first-child a');
    await tab.page.waitForSelector('#table dd');
    expect(await tab.page.textContent('#table')).toContain(rows[0]!.total_bytes!.replace(/\B(?=(\d{3})+$)/g, ','));
  });

  test('on the users', async () => {
    const tab = await visit('#/environment/acme-prod/users');
    const users = await tab.answer<Schemas['UserCounts']>('/users?environment=acme-prod');
    const list = await tab.answer<Schemas['UserList']>('/users/list?environment=acme-prod');
    const history = await tab.answer<Schemas['UserHistory']>('/users/history?environment=acme-prod');
    const { months } = history.items[0]!;

    expect((await tab.csv('months')).map(({ month, named }) => [month, Number(named)])).toEqual(months.map(({ month, named_user_count: count }) => [month, count]).reverse());
    const { licence } = await tab.answer<Schemas['DistinctMonths']>('/users/history?view=distinct');
    const licenceText = (await tab.page.textContent('#licence'))!;
    expect(licenceText).toContain(`${licence!.named!.used.toLocaleString('en')} of ${licence!.named!.limit.toLocaleString('en')} in ${licence!.named!.month}`);
    expect(licenceText).toContain(licence!.named!.reached_in ?? '–');
    expect(await tab.page.textContent('#users .tile:first-child')).toContain(`${users.metering.unclassified} of them unclassified`);
    const tiles = await tab.page.locator('#users .tile strong').allTextContents();
    expect(tiles.map(Number)).toEqual([users.metering, users.license_estimate, users.runtime_metric].map(({ named_user_count: count }) => count));
    expect((await tab.csv('users')).map(({ role, active }) => [role, Number(active)]).sort()).toEqual(users.by_role!.map(({ role, active }) => [role, active]).sort());
    expect((await tab.csv('accounts')).map(({ user }) => user).sort()).toEqual(list.users.map(({ user }) => user).sort());
  });

  test('on the constants, and on the comparison of two environments', async () => {
    const tab = await visit('#/environment/acme-test/constants');
    const { constants } = await tab.answer<Schemas['Constants']>('/micro_flow_constants');

    const rows = await tab.csv('constants');
    expect(rows.map(({ name }) => name).sort()).toEqual(constants.map(({ name }) => name).sort());
    for (const { name, value, mask_reason: reason } of constants) {
      const row = rows.find((each) => each.name === name)!;
      expect([row.value, row.mask_reason]).toEqual([value ?? '', reason ?? '']);
    }
    await tab.page.waitForSelector('#compare option[value="acme-prod"]', { state: 'attached' });
    await tab.page.selectOption('#compare', 'acme-prod');
    await tab.page.waitForSelector('#differences');
    const { comparison } = await tab.answer<Schemas['Constants']>('/micro_flow_constants?environment=acme-test&compare=acme-prod');
    const differences = await tab.csv('comparison');
    expect(differences.map(({ name }) => name).sort()).toEqual(comparison!.differences.map(({ name }) => name).sort());
    const order = ['different', 'only_here', 'only_there', 'unknown'];
    const positions = differences.map(({ difference }) => order.indexOf(difference!));
    expect(positions).toEqual([...positions].sort());
  });

  test('on the collection', async () => {
    const tab = await visit('#/environment/globex-prod/collection');
    const { items } = await tab.answer<Schemas['BucketSizes']>('/bucket_size');

    const rows = await tab.csv('collection');
    expect(rows).toHaveLength(items.length + 1);
    for (const [index, item] of items.entries()) {
      expect(rows[index]).toMatchObject({ taken_at: item.taken_at, next_at: item.refresh!.next_full_at, interval_seconds: String(item.refresh!.interval_seconds) });
      expect(number(rows[index]!.scan_amount)).toBe(item.cost.scan.amount);
      expect(number(rows[index]!.requests_per_day)).toBe(item.refresh!.list_requests_per_day);
    }
    const requests = items.reduce((sum, { refresh }) => sum + refresh!.list_requests_per_day!, 0);
    expect(requests).toBeGreaterThan(0);
    // What collecting takes is what Prometheus gets.
    const metrics = await server.metrics('globex-prod');
    const use = (await tab.page.textContent('#collection-use'))!;
    const metric = (name: string) => Number(metrics.split('\n').find((line) => line.startsWith(`${name} `))!.split(' ')[1]).toLocaleString('en');
    expect(use).toContain(`${metric('mrt_collection_runs_per_day{runs="bucket"}')} of storage, ${metric('mrt_collection_runs_per_day{runs="database"}')} of databases`);
    expect(use).toContain(`LIST requests a day${metric('mrt_collection_list_requests_per_day')}`);
    const { items: all } = await tab.answer<Schemas['BucketSizes']>('/bucket_size?environment=globex-prod');
    const read = all.reduce((sum, { inventory, collection }) => sum + (inventory ? inventory.read_bytes * collection.runs_per_day : 0), 0);
    expect(use).toContain(read ? 'read a day, by the last runs' : 'none is read');
    expect(await tab.page.textContent('#listing-budget')).toContain(`${requests.toLocaleString('en')} requests a day here`);
  });
});

describe('accounts', () => {
  test('of one customer see its environments only, and nothing of others', async () => {
    const tab = await visit('', 'acme-only');
    tab.expected = /404/;

    expect((await tab.csv('fleet')).map(({ environment }) => environment)).toEqual(['acme-prod', 'acme-test']);
    await tab.show('#/environment/globex-prod');
    expect(await tab.page.textContent('#now')).toMatch(/Not found.*there is no such /s);
  });

  test('without constants are told so, and see everything else', async () => {
    const tab = await visit('#/environment/acme-prod/constants', 'no-constants');

    expect(await tab.page.textContent('#constants')).toContain('Your token may not read this: it has no scope mrt/constants.read');
    await tab.show('#/environment/acme-prod/users');
    expect(await tab.page.textContent('#users')).toContain('Metering');
  });

  test('log out at the issuer, and stay logged out', async () => {
    const tab = await visit('');

    await tab.page.click('#logout');
    await tab.page.waitForSelector('#login');
    await tab.page.reload();
    await tab.page.waitForSelector('#login');
    expect(tab.page.url()).toBe(server.url);
  });
});

test('a request is copied as a command that answers the same, with the variable for the token', async () => {
  const tab = await visit('#/environment/acme-prod/constants');

  await tab.page.click('#constants-curl');
  const command = await tab.page.evaluate(() => navigator.clipboard.readText());
  for (const token of tab.tokens) expect(command).not.toContain(token);
  const output = execFileSync('sh', ['-c', command], { env: { ...process.env, TOKEN: server.token() } }).toString();
  expect((JSON.parse(output) as Schemas['Constants']).constants).toEqual((await tab.answer<Schemas['Constants']>('/micro_flow_constants')).constants);
});

const SCREENS = ['', 'acme-prod', 'acme-prod/grew', 'acme-prod/tables', 'acme-prod/tables/public/sales$order', 'acme-prod/users', 'acme-test/constants', 'acme-test/constants?compare=acme-prod', 'acme-prod/collection'];

describe.each([[1280, 'light'], [1280, 'dark'], [360, 'light']] as const)('at %d pixels, %s,', (width, colorScheme) => {
  test('axe finds nothing on any screen, and no screen is wider than the window', async () => {
    const tab = await visit('', 'all', { width, colorScheme, bypassCSP: true });
    for (const screen of SCREENS) {
      await tab.show(screen ? `#/environment/${screen}` : '#/fleet');
      expect(await tab.violations(), screen).toEqual([]);
      expect(await tab.page.evaluate(() => document.documentElement.scrollWidth), screen).toBeLessThanOrEqual(width);
    }
  });
});

// What a real server does not do on command: 1,000 environments, expired tokens, servers that go away, hostile names.
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { closeBrowser, Visit, type VisitOptions } from './browser';
import { databaseChanges, databaseHistory, fleetAnswers, nameOf } from './fixtures';
import { Origin, type Options } from './origin';

const opened: { visit: Visit; origin: Origin }[] = [];

async function visit(options: Options, fragment = '', browser: VisitOptions = {}) {
  const origin = new Origin(options);
  await origin.start();
  const visit = await Visit.start(browser);
  opened.push({ visit, origin });
  await visit.page.addInitScript(() => {
    const observer = new MutationObserver(() => {
      if (!document.querySelector('#environments tbody tr')) return;
      performance.mark('first-row');
      observer.disconnect();
    });
    observer.observe(document, { childList: true, subtree: true });
  });
  await visit.login(origin.url + fragment);
  return { visit, origin, page: visit.page };
}

afterEach(async () => {
  for (const { visit, origin } of opened.splice(0)) {
    try {
      await visit.finish();
    } finally {
      await origin.stop();
    }
  }
});
afterAll(closeBrowser);

/** One environment with a history. */
const one = (url: URL) => {
  if (url.pathname === '/table_size/changes') return databaseChanges();
  return url.pathname.endsWith('/history') ? databaseHistory(url) : fleetAnswers(1)(url);
};

describe('a fleet of 1,000 environments', () => {
  test('is shown with its problems first, sorts, filters, and is saved in the order that is shown', async () => {
    const { visit: tab, page } = await visit({ answer: fleetAnswers(1000) });

    const states = (await tab.csv('fleet')).map(({ state }) => state!.split(':')[0]);
    expect(states).toHaveLength(1000);
    expect(states.findLastIndex((state) => state === 'failing')).toBeLessThan(states.indexOf('stale'));
    expect(states.lastIndexOf('stale')).toBeLessThan(states.indexOf('fresh'));

    const [top, milliseconds] = await page.evaluate(() => {
      const start = performance.now();
      document.getElementById('environments-files_bytes')!.click();
      // Reading a position has the browser lay out what was drawn.
      document.querySelector('tbody')!.getBoundingClientRect();
      const taken = performance.now() - start;
      const names = [...document.querySelectorAll('#environments tbody tr:not(.space)')].slice(0, 50).map((row) => row.querySelector('a')!.textContent);
      return [names, taken] as const;
    });
    console.log(`sorting 1,000 rows: ${milliseconds.toFixed(1)} ms until they are laid out`);
    const first = await page.evaluate(() => {
      const row = performance.getEntriesByName('first-row')[0]!.startTime;
      const data = performance.getEntriesByType('resource').filter(({ name }) => /_size\?/.test(name)) as PerformanceResourceTiming[];
      return row - Math.max(...data.map(({ responseEnd }) => responseEnd).filter((end) => end <= row));
    });
    console.log(`first row: ${first.toFixed(1)} ms after the last answer`);
    const rows = await tab.csv('fleet');
    expect(top.length).toBeGreaterThan(20);
    expect(rows.slice(0, top.length).map(({ environment }) => environment)).toEqual(top);
    const sizes = rows.map(({ files_bytes: size }) => Number(size));
    expect(rows).toHaveLength(1000);
    expect(sizes).toEqual([...sizes].sort((a, b) => b - a));

    await page.fill('#filter', 'env-07 fresh');
    await expect.poll(() => tab.column('environments', 'State')).not.toContain('stale');
    const names = (await tab.csv('fleet')).map(({ environment }) => environment);
    expect(names.length).toBeGreaterThan(90);
    expect(names.every((name) => name?.startsWith('env-07'))).toBe(true);
    expect(page.url()).toContain('sort=files_bytes.descending');
    expect(page.url()).toContain('q=env-07');
  });

  test('has only the rows near the window in the document, numbered, and all of them in print', async () => {
    const { visit: tab, page } = await visit({ answer: fleetAnswers(1000) }, '#/fleet?sort=environment.ascending');
    const rows = page.locator('#environments tbody tr:not(.space)');
    const names = async () => (await tab.column('environments', 'Environment')).map((text) => /env-\d+/.exec(text)![0]);

    expect(await page.getAttribute('#environments', 'aria-rowcount')).toBe('1001');
    expect(await rows.count()).toBeLessThan(120);
    await page.evaluate(() => window.scrollTo(0, document.body.scrollHeight));
    await expect.poll(async () => (await names()).at(-1)).toBe(nameOf(999));
    expect(await rows.last().getAttribute('aria-rowindex')).toBe('1001');
    const shown = await names();
    expect(shown).toEqual(Array.from({ length: shown.length }, (_, index) => nameOf(1000 - shown.length + index)));
    expect(shown.length).toBeLessThan(120);

    // The focus stays in its row while others come and go, and the next Tab goes on.
    await page.focus(`#open-${nameOf(990)}`);
    await page.evaluate(() => window.scrollBy(0, -300));
    await expect.poll(async () => Number(/\d+/.exec((await names())[0]!)![0])).toBeLessThan(990 - 15);
    expect(await page.evaluate(() => document.activeElement?.id)).toBe(`open-${nameOf(990)}`);
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.id)).toBe(`open-${nameOf(991)}`);

    await page.evaluate(() => window.dispatchEvent(new Event('beforeprint')));
    expect(await rows.count()).toBe(1000);
    await page.evaluate(() => window.dispatchEvent(new Event('afterprint')));
    expect(await rows.count()).toBeLessThan(120);
  });

  test('that is sorted by users before they are known has their order as soon as they are', async () => {
    const fleet = fleetAnswers(300);
    const counts = (page: unknown) => {
      const { items, ...rest } = page as { items: { environment: string }[] };
      const number = (name: string) => (Number(name.slice(4)) * 7) % 300;
      return { ...rest, items: items.map(({ environment }) => ({ environment, counts: { metering: { named_user_count: number(environment) }, sessions: null }, problem: null })) };
    };
    let release = () => {};
    const released = new Promise<void>((done) => { release = done; });
    const { visit: tab, page } = await visit({ answer: async (url) => (url.pathname === '/users' ? released.then(() => counts(fleet(url))) : fleet(url)) });

    await page.click('#environments-users');
    expect(new Set(await tab.column('environments', 'Users'))).toEqual(new Set(['–']));
    release();
    await expect.poll(async () => (await tab.column('environments', 'Users'))[0]).toBe('299');
    await expect.poll(async () => (await tab.csv('fleet')).map(({ users }) => Number(users))).toEqual(Array.from({ length: 300 }, (_, index) => 299 - index));
    // Rows that were drawn before, and left the document, have their numbers too.
    await page.fill('#filter', 'env-0001');
    expect(await tab.column('environments', 'Users')).toEqual(['7']);
  });

  test('shows the same to another person who opens the address', async () => {
    const { visit: tab } = await visit({ answer: fleetAnswers(1000) }, '#/fleet?q=env-001&sort=environment.descending');

    expect(await tab.column('environments', 'Environment')).toEqual(Array.from({ length: 10 }, (_, index) => expect.stringContaining(nameOf(19 - index))));
  });
});

describe('a login', () => {
  test('that has ended is said above the numbers, which stay, and the next login returns to them', async () => {
    const { visit: tab, origin, page } = await visit({ answer: fleetAnswers(3), lifetime: 61 }, '#/fleet?sort=users.descending');
    tab.expected = /40[01]/;

    origin.isExpired = true;
    await page.evaluate(() => window.dispatchEvent(new Event('online')));
    await page.waitForSelector('.banner:not([hidden])');

    expect(await page.textContent('.banner')).toContain('Your login has ended');
    expect(await tab.column('environments', 'Environment')).toHaveLength(3);
    origin.isExpired = false;
    await page.click('#banner-action');
    await page.waitForSelector('#environments');
    expect(page.url()).toContain('sort=users.descending');
    expect(page.url()).not.toContain('code=');
  });

  test('is renewed without the person: a token that the API refuses, and a reload', async () => {
    const { visit: tab, origin, page } = await visit({ answer: fleetAnswers(2), lifetime: 1 });
    const before = tab.tokens.length;

    await page.evaluate(() => window.dispatchEvent(new Event('online')));
    await expect.poll(() => tab.tokens.length).toBeGreaterThan(before);
    await page.reload();
    await tab.ready();

    expect(await page.isVisible('.banner')).toBe(false);
    expect(origin.requests.length).toBeGreaterThan(0);
  });

  test('ends at the issuer, and a reload does not bring it back', async () => {
    const { page } = await visit({ answer: fleetAnswers(2) });

    await page.click('#logout');
    await page.waitForSelector('#login');
    await page.reload();
    await page.waitForSelector('#login');

    expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
  });

  test('that this tab did not start is refused', async () => {
    const origin = new Origin({ answer: fleetAnswers(1) });
    await origin.start();
    const tab = await Visit.start();
    opened.push({ visit: tab, origin });

    await tab.page.goto(`${origin.url}?code=stolen&state=x`);
    await tab.page.waitForSelector('.welcome p');

    expect(await tab.page.textContent('.welcome')).toContain('did not start that login');
    expect(tab.page.url()).toBe(origin.url);
  });
});

describe('a server', () => {
  test('that goes away leaves the numbers with their time, and is found again when it comes back', async () => {
    const { visit: tab, origin, page } = await visit({ answer: fleetAnswers(3) });
    tab.expected = /ERR_CONNECTION|ERR_EMPTY_RESPONSE|Failed to load/;

    await origin.stop();
    await page.evaluate(() => window.dispatchEvent(new Event('online')));
    await page.waitForSelector('.banner:not([hidden])');
    expect(await page.textContent('.banner')).toContain('The server does not answer');
    expect(await page.textContent('.notice')).toContain('These are the numbers of');
    expect(await tab.column('environments', 'Environment')).toHaveLength(3);

    await origin.start();
    await page.waitForSelector('.banner', { state: 'hidden' });
    await page.waitForSelector('.notice', { state: 'hidden' });
  });

  test('that is not there at first can be tried again', async () => {
    const origin = new Origin({ answer: (url) => (url.pathname === '/table_size' ? undefined : fleetAnswers(1)(url)) });
    await origin.start();
    const tab = await Visit.start();
    opened.push({ visit: tab, origin });
    tab.expected = /404/;
    await tab.login(origin.url);

    expect(await tab.page.textContent('.problem')).toContain('there is no such path');
    expect(await tab.page.isVisible('.problem button')).toBe(true);
  });
});

test('what a token may not read is said panel by panel, and the rest is there', async () => {
  const { visit: tab, page } = await visit({ answer: one, scopes: ['mrt/bucket_size.read'] }, '#/environment/env-0000');

  expect(await page.textContent('#database')).toContain('Your token may not read this: it has no scope mrt/table_size.read');
  expect(await page.textContent('#files')).toContain('Sales');
  await tab.show('#/environment/env-0000/users');
  expect(await page.textContent('#users')).toContain('mrt/users.read');
});

test('an environment without a database shows its storage', async () => {
  const answer = (url: URL) => (url.pathname.startsWith('/table_size') ? undefined : one(url));
  const { visit: tab, page } = await visit({ answer }, '#/environment/env-0000');
  tab.expected = /404/;

  expect(await page.textContent('#now .tile:first-child strong')).toMatch(/GiB/);
  expect(await page.textContent('#now .tile:nth-child(2)')).toContain('no number');
  expect(await page.textContent('#database')).toContain('there is no such path');
});

test('what grew adds up to the change of the total, with a bar and a row for each part', async () => {
  const { visit: tab, page } = await visit({ answer: one }, '#/environment/env-0000/grew');
  const { items: [item] } = databaseChanges() as { items: { changes: { change_bytes: number } }[] };

  const rows = await tab.csv('changes');
  expect(rows.reduce((sum, { change_bytes: bytes }) => sum + Number(bytes), 0)).toBe(item!.changes.change_bytes);
  expect(await page.locator('.waterfall rect').count()).toBe(rows.length + 2);
  const text = await page.textContent('#changes');
  expect(text).toContain('add up to it, to the byte');
  expect(text).toContain('Not sized at one of the two times: sales$locked');
});

test('names that look like markup are texts', async () => {
  const name = '<img src=x onerror=alert(1)>';
  const answer = (url: URL) => JSON.parse(JSON.stringify(fleetAnswers(1)(url)).replaceAll('env-0000', name)) as unknown;
  const { visit: tab, page } = await visit({ answer });

  expect(await tab.column('environments', 'Environment')).toEqual([name]);
  expect(await page.$('main img')).toBeNull();
});

describe('a chart', () => {
  test('leaves a gap where there is no number', async () => {
    const { visit: tab, page } = await visit({ answer: one }, '#/environment/env-0000');
    tab.expected = /willReadFrequently/;

    // Colours of a column of pixels in the middle of the gap, and of one before it.
    const colors = await page.evaluate(() => {
      const canvas = document.querySelector<HTMLCanvasElement>('#database canvas')!;
      const context = canvas.getContext('2d')!;
      const left = 72 * devicePixelRatio;
      const columnAt = (share: number) => {
        const x = Math.round(left + (canvas.width - left - 8) * share);
        const { data } = context.getImageData(x, canvas.height * 0.3, 1, canvas.height * 0.5);
        return new Set(Array.from({ length: data.length / 4 }, (_, pixel) => data.slice(pixel * 4, pixel * 4 + 3).join())).size;
      };
      return { gap: columnAt(0.42), before: columnAt(0.3) };
    });
    // Grid lines and paper only; and before the gap an area for each module.
    expect(colors.gap).toBeLessThanOrEqual(3);
    expect(colors.before).toBeGreaterThan(3);
    expect(await page.textContent('#database .marks')).toContain('No number');
  });

  test('moves its cursor by keys, says the values, and asks what grew for a selection', async () => {
    const { visit: tab, page } = await visit({ answer: one }, '#/environment/env-0000');
    tab.expected = /404/;
    const chart = page.locator('#database .chart');

    await chart.focus();
    await page.keyboard.press('Home');
    const first = await chart.getAttribute('aria-valuetext');
    await page.keyboard.press('ArrowRight');
    const second = await chart.getAttribute('aria-valuetext');
    expect(first).toMatch(/2026: [\d.]+ GiB; Sales [\d.]+ GiB/);
    expect(second).not.toBe(first);
    await page.keyboard.press('Shift+PageUp');
    expect(await chart.getAttribute('aria-valuetext')).toContain('Selected from');
    await page.keyboard.press('Enter');

    await page.waitForFunction(() => location.hash.includes('/grew?of=database&from='));
  });

  test('asks what grew for a drag', async () => {
    const { visit: tab, page } = await visit({ answer: one }, '#/environment/env-0000');
    tab.expected = /404/;
    const box = (await page.locator('#files .u-over').boundingBox())!;

    await page.mouse.move(box.x + box.width * 0.2, box.y + 50);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.6, box.y + 60, { steps: 5 });
    await page.mouse.up();

    await page.waitForFunction(() => location.hash.includes('/grew?of=files&from='));
  });

  test('has all its values in a table and in CSV', async () => {
    const { visit: tab, page } = await visit({ answer: one }, '#/environment/env-0000');
    const { items: [item] } = await tab.answer<{ items: { series: { values: (number | null)[] }[] }[] }>('/table_size/history?environment=env-0000&from=-35d&step=1d');

    const rows = await tab.csv('database');
    expect(rows.map(({ total_bytes: total }) => (total === '' ? null : Number(total)))).toEqual(item!.series[0]!.values);
    await page.click('#database details summary');
    await expect.poll(() => page.locator('#database details tbody tr').count()).toBe(35);
  });
});

test('everything is reached by keys alone, and the focus stays on what sorted', async () => {
  const { visit: tab, page } = await visit({ answer: fleetAnswers(5) });

  const reached: string[] = [];
  for (let step = 0; step < 30; step += 1) {
    await page.keyboard.press('Tab');
    reached.push(await page.evaluate(() => document.activeElement?.id ?? ''));
  }
  expect(reached).toEqual(expect.arrayContaining(['theme', 'logout', 'fleet-csv', 'fleet-curl', 'filter', 'environments-files_bytes', 'open-env-0000']));
  await page.focus('#environments-environment');
  await page.keyboard.press('Enter');
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('environments-environment');
  await page.focus('#open-env-0000');
  tab.expected = /404/;
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => location.hash === '#/environment/env-0000');
  await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe('main');
});

test.each(['light', 'dark'] as const)('axe finds nothing in charts, refusals, problems and the login: %s', async (colorScheme) => {
  const answer = (url: URL) => (url.pathname === '/bucket_size/changes' ? undefined : one(url));
  const { visit: tab, page } = await visit({ answer, scopes: ['mrt/bucket_size.read', 'mrt/table_size.read'] }, '#/environment/env-0000', { bypassCSP: true, colorScheme });
  tab.expected = /404/;

  expect(await tab.violations()).toEqual([]);
  await page.click('#database details summary');
  expect(await tab.violations()).toEqual([]);
  for (const what of ['database', 'files']) {
    await tab.show(`#/environment/env-0000/grew?of=${what}`);
    expect(await tab.violations()).toEqual([]);
  }
  await tab.show('#/environment/env-0000/constants');
  expect(await tab.violations()).toEqual([]);
  await page.click('#logout');
  await page.waitForSelector('#login');
  expect(await tab.violations()).toEqual([]);
});

test('prints its numbers, without controls', async () => {
  const { page } = await visit({ answer: fleetAnswers(4) });

  await page.emulateMedia({ media: 'print' });

  expect(await page.isVisible('#environments')).toBe(true);
  expect(await page.isVisible('#environments-files_bytes')).toBe(true);
  for (const control of ['#logout', '#fleet-csv', '#filter']) expect(await page.isVisible(control), control).toBe(false);
});

test('prints an environment with its charts and their numbers, without controls', async () => {
  const fleet = fleetAnswers(1);
  const { visit: tab, page } = await visit({ answer: (url) => (url.pathname.endsWith('/history') && url.pathname !== '/users/history' ? databaseHistory(url) : fleet(url)) }, '#/environment/env-0000');
  tab.expected = /404/;

  await page.emulateMedia({ media: 'print' });

  for (const shown of ['#now .tile', '#files canvas', '#files table', '#database canvas', '#database .marks', '[aria-label="Used, free and allocated storage"] table']) {
    await page.locator(shown).first().waitFor({ state: 'visible' });
  }
  for (const control of ['#logout', '#files-csv', '#files-curl', '#database-csv']) expect(await page.isVisible(control), control).toBe(false);
  // What is too wide for the window is on the paper.
  expect(await page.locator('#database .scroll').first().evaluate((element) => getComputedStyle(element).overflowX)).toBe('visible');
});

// Writes the pictures of the documents: `make screenshots`. WebP, which Chromium itself encodes.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { closeBrowser, Visit } from '../browser/browser';
import { Server } from '../browser/server';

const FOLDER = fileURLToPath(new URL('../../../../docs/screenshots/', import.meta.url));
const MOST_BYTES = 100 * 1024;
let server: Server;

beforeAll(async () => {
  server = await Server.start();
});
afterAll(async () => {
  await closeBrowser();
  await server.stop();
});

test.each([
  ['fleet', '#/fleet', 'light', 440],
  ['environment', '#/environment/acme-prod', 'light', 1150],
  ['grew', '#/environment/acme-prod/grew?by=table', 'light', 900],
  ['dark', '#/environment/globex-prod', 'dark', 1150],
] as const)('%s', async (name, fragment, colorScheme, height) => {
  const tab = await Visit.start({ colorScheme, width: 1200 });
  await tab.page.setViewportSize({ width: 1200, height });
  await tab.login(server.url + fragment, 'all');
  // The users of the fleet, and the charts' fonts.
  await tab.page.waitForLoadState('networkidle');

  const picture = (await tab.page.screenshot()).toString('base64');
  const blank = await tab.context.newPage();
  const webp = await blank.evaluate(async (png) => {
    const image = new Image();
    image.src = `data:image/png;base64,${png}`;
    await image.decode();
    const canvas = document.createElement('canvas');
    canvas.width = image.width;
    canvas.height = image.height;
    canvas.getContext('2d')!.drawImage(image, 0, 0);
    return canvas.toDataURL('image/webp', 0.85).split(',')[1]!;
  }, picture);
  const bytes = Buffer.from(webp, 'base64');
  writeFileSync(`${FOLDER}${name}.webp`, bytes);
  expect(bytes.length).toBeLessThanOrEqual(MOST_BYTES);
  await tab.context.close();
});

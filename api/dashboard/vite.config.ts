// Builds one HTML document with script and style inlined. The server hashes both for its content policy.
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

/** Replaces the document's links to script and style by their text. */
function oneDocument(): Plugin {
  return {
    name: 'one-document',
    enforce: 'post',
    generateBundle(_options, bundle) {
      let script = '';
      let style = '';
      for (const [name, file] of Object.entries(bundle)) {
        if (file.type === 'chunk') script += file.code;
        else if (name.endsWith('.css')) style += String(file.source);
        else continue;
        delete bundle[name];
      }
      // Neither may end its element early.
      script = script.trim().replaceAll('</script', '<\\/script').replaceAll('<!--', '<\\!--');
      style = style.trim();
      const page = bundle['index.html'];
      if (page?.type !== 'asset' || style.includes('</')) throw new Error('unexpected output of the build');
      page.source = String(page.source)
        .replace(/\s*<script[^>]*src=[^>]*><\/script>/, '')
        .replace(/\s*<link rel="stylesheet"[^>]*>/, () => `\n<style>${style}</style>`)
        .replace('</body>', () => `<script type="module">${script}</script>\n</body>`);
    },
  };
}

export default defineConfig({
  base: './',
  plugins: [oneDocument()],
  build: {
    target: 'es2022',
    modulePreload: false,
    assetsInlineLimit: 0,
    emptyOutDir: true,
    reportCompressedSize: false,
  },
  // `npx vite` serves the sources; the API is that of a running `make run`.
  server: { proxy: { '^/(?!src|node_modules|@)[a-z_]+.*': 'http://127.0.0.1:8080' } },
  test: { include: ['test/**/*.test.ts'], fileParallelism: false, testTimeout: 60_000, hookTimeout: 240_000, expect: { poll: { timeout: 30_000 } } },
});

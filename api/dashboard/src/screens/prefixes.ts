// Sizes by prefix, of the buckets for which the fleet file asks for them.
import type { Api, Schemas } from '../api';
import { h } from '../dom';
import { label } from '../fleet';
import { bytes, count, share, words } from '../format';
import { Panel, type Refreshable } from '../panel';
import { Table } from '../table';

/** Prefixes of each bucket that are shown; the others are one line. */
const SHOWN = 50;

interface Line {
  bucket: string;
  prefix: string;
  bytes: number;
  objects: number;
  total: number;
}

/** Shown only where the fleet file asks for such sizes. */
export function prefixesPanel(api: Api, name: string): Refreshable {
  const panel: Refreshable = new Panel(api, {
    id: 'prefixes', title: 'Files by prefix', note: 'Current objects only.',
    load: async (api, asked) => (await api.get('/bucket_size', { environment: name, include: ['prefixes'], prefixes: SHOWN }, asked)).items,
    show: (items) => {
      const asked = items.filter(({ by_prefix: sizes }) => sizes);
      panel.element.hidden = !asked.length;
      if (!asked.length) return { body: [] };
      const table = prefixTable(asked.flatMap(linesOf));
      const unknown = asked.filter(({ by_prefix: sizes }) => sizes!.reason);
      return {
        body: [h('p', { class: 'faint' }, `In ${asked.map(label).join(', ')}`), ...unknown.map((item) => h('p', { class: 'notice' }, `${label(item)}: ${words(item.by_prefix!.reason!)}`)), table.element],
        csv: () => table.csv(),
      };
    },
  });
  panel.element.hidden = true;
  return panel;
}

function linesOf(item: Schemas['BucketItem']): Line[] {
  const { prefixes, other } = item.by_prefix!;
  const line = (prefix: string, { total_bytes: bytes, object_count: objects }: { total_bytes: number; object_count: number }) => ({ bucket: label(item), prefix, bytes, objects, total: item.total_bytes });
  return [...prefixes.map((each) => line(each.prefix, each)), ...(other?.object_count ? [line(`${count(other.prefix_count)} others`, other)] : [])];
}

function prefixTable(rows: Line[]): Table<Line> {
  const isOneBucket = new Set(rows.map(({ bucket }) => bucket)).size === 1;
  return new Table<Line>({
    id: 'prefix-list', caption: 'Sizes by prefix', rows, key: ({ bucket, prefix }) => `${bucket}\n${prefix}`, sort: { key: 'bytes', direction: 'descending' }, empty: 'There are no objects.',
    columns: [
      { key: 'prefix', title: 'Prefix', isHeader: true, value: ({ prefix }) => prefix },
      ...(isOneBucket ? [] : [{ key: 'bucket', title: 'Bucket', value: ({ bucket }: Line) => bucket }]),
      { key: 'bytes', title: 'Size', isNumber: true, value: ({ bytes: size }) => size, cell: ({ bytes: size }) => bytes(size) },
      { key: 'share', title: 'Share', isNumber: true, value: ({ bytes: size, total }) => (total ? size / total : null), cell: ({ bytes: size, total }) => share(size, total) },
      { key: 'objects', title: 'Objects', isNumber: true, value: ({ objects }) => objects, cell: ({ objects }) => count(objects) },
    ],
  });
}

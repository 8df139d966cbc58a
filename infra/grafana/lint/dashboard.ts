// What a dashboard may contain: Grafana's own types, with the options and the custom fields of each kind of panel.

import type * as grafana from '@grafana/schema';
import type * as stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as timeseries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

// A value as a file has it: enumerations of text are their words. What a type marks as required has a default in Grafana.
type Plain<T> = T extends string ? `${T}`
  : T extends (infer Item)[] ? Plain<Item>[]
  : T extends object ? { [Key in keyof T]?: Plain<T[Key]> }
  : T;

interface PrometheusQuery extends Pick<Plain<grafana.DataQuery>, 'refId' | 'hide' | 'datasource'> {
  expr: string;
  legendFormat?: string;
  instant?: boolean;
  range?: boolean;
  format?: 'time_series' | 'table' | 'heatmap';
  editorMode?: 'code' | 'builder';
}

// Has no published types.
interface InfinityQuery extends Pick<Plain<grafana.DataQuery>, 'refId' | 'hide' | 'datasource'> {
  type: 'json';
  source: 'url';
  parser: 'backend';
  format: 'table';
  url: string;
  url_options: { method: 'GET'; data: '' };
  root_selector: string;
  columns: { selector: string; text: string; type: 'string' | 'number' | 'boolean' | 'timestamp' }[];
  filters: [];
}

type FieldConfig<Custom> = Plain<Omit<grafana.FieldConfig, 'custom'>> & { custom?: Plain<Custom> };

type PanelOf<Kind extends string, Options, Custom> = Plain<Omit<grafana.Panel, 'type' | 'options' | 'fieldConfig' | 'targets'>> & {
  type: Kind;
  options: Plain<Options>;
  fieldConfig: { defaults: FieldConfig<Custom>; overrides: Plain<grafana.FieldConfigSource['overrides']> };
  targets: (PrometheusQuery | InfinityQuery)[];
};

type Panel =
  | PanelOf<'stat', stat.Options, Record<string, never>>
  | PanelOf<'table', table.Options, table.FieldConfig>
  | PanelOf<'timeseries', timeseries.Options, timeseries.FieldConfig>;

export type Dashboard = Plain<Omit<grafana.Dashboard, 'panels'>> & { panels: Panel[] };

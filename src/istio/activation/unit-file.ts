/** Unit files and drop-ins, cut into settings with their lines, so that findings can name them. Pure. */

/**
 * A file that configures istio.service: a unit file, a drop-in, or one that EnvironmentFile= or the start script reads.
 */
export interface TextFile {
  path: string;
  text: string;
}

export interface Setting {
  file: string;
  /** The first line of the setting, from 1. */
  line: number;
  key: string;
  /** Continued lines are joined. Empty: the setting is reset. */
  value: string;
}

/** The settings of the section [Service], in order. */
export function serviceSettings(file: TextFile): Setting[] {
  return settingsIn(file, 'Service');
}

/** The settings of one section, in order. */
export function settingsIn({ path, text }: TextFile, wanted: 'Unit' | 'Service'): Setting[] {
  const settings: Setting[] = [];
  let section = '';
  const lines = text.split('\n');
  for (let at = 0; at < lines.length; at++) {
    const line = at + 1;
    let content = (lines[at] ?? '').trim();
    if (content === '' || /^[#;]/.test(content)) continue;
    while (content.endsWith('\\') && at + 1 < lines.length) {
      at++;
      const next = (lines[at] ?? '').trim();
      // Comments between continued lines are left out, and the line goes on.
      if (!/^[#;]/.test(next)) content = `${content.slice(0, -1).trimEnd()} ${next}`;
    }
    const header = /^\[(.+)\]$/.exec(content);
    if (header !== null) section = header[1] ?? '';
    const [, key, value = ''] = /^([A-Za-z]+)\s*=\s*(.*)$/s.exec(content) ?? [];
    if (key !== undefined && section === wanted) settings.push({ file: path, line, key, value });
  }
  return settings;
}

/**
 * The values in effect of a setting that can appear several
 * times, in all files in systemd's order: an empty value resets.
 */
export function effective(files: readonly TextFile[], key: string): Setting[] {
  const settings = files.flatMap(serviceSettings).filter((setting) => setting.key === key);
  return settings.slice(settings.findLastIndex(({ value }) => value === '') + 1);
}

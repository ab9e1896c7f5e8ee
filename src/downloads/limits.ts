/** What a download may cost. */

export interface DownloadLimits {
  maxBytes: number;
  /** Milliseconds for all tries together. */
  deadlineMs: number;
  /** Milliseconds without a byte. */
  stallMs: number;
  /** How often a download goes on after its connection broke, and the pause before that in milliseconds. */
  breaks: number;
  pauseMs: number;
}

/** 100 MB take 27 minutes at 64 KB/s: slower lines go on at the next turn, from where they were. */
export const DOWNLOAD_LIMITS: DownloadLimits = {
  maxBytes: 500_000_000,
  deadlineMs: 30 * 60_000,
  stallMs: 30_000,
  breaks: 5,
  pauseMs: 1000,
};

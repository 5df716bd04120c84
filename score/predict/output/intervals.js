"use strict";
// The rule of score/predict/intervals.py, repeated here so that the page can move the threshold; a test compares the
// two.
function findIntervals(timeline, rule, eventClasses) {
  const { frame, seconds, score, attention, classProbability } = timeline;
  const found = []; // runs [first, stop)
  for (let run = 0; run < score.length; run++) {
    if (!(score[run] >= rule.threshold)) continue;
    const last = found[found.length - 1];
    if (last && (last[1] === run || seconds[run] - seconds[last[1]] <= rule.merge_gap_seconds)) last[1] = run + 1;
    else found.push([run, run + 1]);
  }
  return found.filter(([first, stop]) => seconds[stop] - seconds[first] >= rule.min_seconds).map(([first, stop]) => {
    let peak = first, total = 0, share = 0;
    const classes = classProbability ? classProbability[first].map(() => 0) : [];
    for (let run = first; run < stop; run++) {
      const length = frame[run + 1] - frame[run];
      if (score[run] > score[peak]) peak = run;
      total += score[run] * length;
      if (attention) share += attention[run];
      classes.forEach((_, name) => { classes[name] += classProbability[run][name] * length; });
    }
    const likeliest = classes.length > 1 ? classes.indexOf(Math.max(...classes.slice(1)), 1) : -1;
    return {
      start_frame: frame[first], stop_frame: frame[stop], start_seconds: seconds[first], end_seconds: seconds[stop],
      peak_score: score[peak], peak_frame: Math.floor((frame[peak] + frame[peak + 1] - 1) / 2),
      peak_seconds: (seconds[peak] + seconds[peak + 1]) / 2, mean_score: total / (frame[stop] - frame[first]),
      attention: attention ? share : null, event_class: likeliest < 0 ? null : eventClasses[likeliest],
      class_probability: likeliest < 0 ? null : classes[likeliest] / (frame[stop] - frame[first]),
    };
  });
}

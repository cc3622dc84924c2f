// What a device hears of another, dBm: as the simulated medium computes it (air/world/path.c), in whole numbers.

const EIGHTH = [0, 51, 97, 138, 176, 211, 243, 273];
const LOSS_AT_1_M_DB = 40;
const mm = metres => Math.trunc(metres * 1000);

// 10 log10 of a square of a distance in mm2; 0 at one metre.
function decibels(mm2) {
  const octaves = Math.floor(Math.log2(mm2));
  const part = Math.floor(mm2 / 2 ** (octaves - 3)) & 7;
  return Math.trunc((octaves * 301 + EIGHTH[part] - 6000) / 100);
}

function side(ax, ay, bx, by, x, y) {
  return Math.sign((bx - ax) * (y - ay) - (by - ay) * (x - ax));
}

// Whether the straight line between two places crosses the wall [x1, y1, x2, y2, dB].
export function crosses([x1, y1, x2, y2], a, b) {
  return side(x1, y1, x2, y2, a.x, a.y) * side(x1, y1, x2, y2, b.x, b.y) < 0 &&
    side(a.x, a.y, b.x, b.y, x1, y1) * side(a.x, a.y, b.x, b.y, x2, y2) <= 0;
}

export function rssi(from, to, walls) {
  const along = mm(from.x) - mm(to.x), across = mm(from.y) - mm(to.y);
  const mm2 = Math.max(along * along + across * across, 100 * 100);
  let power = from.power - LOSS_AT_1_M_DB - decibels(mm2);
  for (const wall of walls)
    if (crosses(wall, from, to)) power -= wall[4];
  return Math.max(power, -127);
}

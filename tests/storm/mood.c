/* The mood of an episode: frequent calls and events, and excluded ones. */
#include "storm.h"

static const struct call *const tables[] = { gatt_calls, link_calls, coc_calls };

/* Each call with its usual weight, excluded, or frequent; sometimes a whole table is excluded. */
static void draw_calls(bool usual)
{
    static const uint8_t factors[] = { 0, 1, 1, 6 };
    for (unsigned t = 0; t < 3; t++) {
        bool never = one_in(8);
        for (unsigned n = 0; tables[t][n].name; n++) {
            unsigned factor = never ? 0 : factors[any(4)];
            storm.mood.weight[t][n] = (uint8_t)(tables[t][n].weight * (usual ? 1 : factor));
        }
    }
    storm.mood.weight[1][0] |= 1; /* at least one call has a weight */
}

void mood_draw(uint64_t seed)
{
    chance_seed(seed * 0xd1342543de82ef95ull + 3);
    bool usual = one_in(3);
    draw_calls(usual);
    storm.mood.completes = usual || one_in(2) ? 2 : 16;
    storm.mood.encrypts = usual || one_in(2) ? 60 : 6;
    storm.mood.requests_key = usual || one_in(2) ? 60 : 6;
    storm.mood.falls = usual || one_in(2) ? 300 : 30;
    storm.mood.sends = usual || one_in(2) ? 60 : 2;
    storm.mood.says = usual || one_in(2) ? 1 : 4;
}

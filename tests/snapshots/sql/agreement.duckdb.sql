-- buckets
SELECT DISTINCT CAST(EPOCH(DATE_TRUNC('DAY', MAKE_TIMESTAMP(EPOCH_US("ordered_at")))) AS BIGINT)
FROM "raw"."orders"
WHERE "ordered_at" >= CAST('2026-04-01 00:00:00+00:00' AS TIMESTAMPTZ) AND "ordered_at" < CAST('2026-04-11 00:00:00+00:00' AS TIMESTAMPTZ) ORDER BY 1;

-- agreement: first buckets
SELECT b, SUM(n), COUNT(*) FILTER (n > 1), SUM(n) FILTER (n > 1), COUNT(*) FILTER (l0 <> g0), COUNT(*) FILTER (l1 <> g1), COUNT(*) FILTER (l2 <> g2), COUNT(*) FILTER (l3 <> g3), COUNT(*) FILTER (l4 <> g4), MIN(l0) <> MAX(g0), MIN(l1) <> MAX(g1), MIN(l2) <> MAX(g2), MIN(l3) <> MAX(g3), MIN(l4) <> MAX(g4)
FROM (SELECT b, COUNT(*) AS n, MIN(v0) AS l0, MAX(v0) AS g0, MIN(v1) AS l1, MAX(v1) AS g1, MIN(v2) AS l2, MAX(v2) AS g2, MIN(v3) AS l3, MAX(v3) AS g3, MIN(v4) AS l4, MAX(v4) AS g4
FROM (SELECT CAST(EPOCH(DATE_TRUNC('DAY', MAKE_TIMESTAMP(EPOCH_US("ordered_at")))) AS BIGINT) AS b, "order_id" AS k, HASH("country") AS v0, HASH("amount") AS v1, HASH("weight") AS v2, HASH("ordered_at") AS v3, HASH("is_gift") AS v4
FROM "raw"."orders"
WHERE (("ordered_at" >= CAST('2026-02-01 00:00:00+00:00' AS TIMESTAMPTZ) AND "ordered_at" < CAST('2026-02-08 00:00:00+00:00' AS TIMESTAMPTZ))) AND "order_id" IS NOT NULL)
GROUP BY b, k)
GROUP BY b ORDER BY b;

-- agreement
SELECT b, SUM(n), COUNT(*) FILTER (n > 1), SUM(n) FILTER (n > 1), COUNT(*) FILTER (l0 <> g0), COUNT(*) FILTER (l1 <> g1)
FROM (SELECT b, COUNT(*) AS n, MIN(v0) AS l0, MAX(v0) AS g0, MIN(v1) AS l1, MAX(v1) AS g1
FROM (SELECT CAST(EPOCH(DATE_TRUNC('DAY', MAKE_TIMESTAMP(EPOCH_US("ordered_at")))) AS BIGINT) AS b, "order_id" AS k, HASH("country") AS v0, HASH("ordered_at") AS v1
FROM "raw"."orders"
WHERE (("ordered_at" >= CAST('2026-04-10 00:00:00+00:00' AS TIMESTAMPTZ) AND "ordered_at" < CAST('2026-04-11 00:00:00+00:00' AS TIMESTAMPTZ))) AND "order_id" IS NOT NULL)
GROUP BY b, k)
GROUP BY b ORDER BY b;

-- agreement
SELECT b, SUM(n), COUNT(*) FILTER (n > 1), SUM(n) FILTER (n > 1), COUNT(*) FILTER (l0 <> g0), COUNT(*) FILTER (l1 <> g1)
FROM (SELECT b, COUNT(*) AS n, MIN(v0) AS l0, MAX(v0) AS g0, MIN(v1) AS l1, MAX(v1) AS g1
FROM (SELECT CAST(EPOCH(DATE_TRUNC('DAY', MAKE_TIMESTAMP(EPOCH_US("ordered_at")))) AS BIGINT) AS b, "order_id" AS k, HASH("country") AS v0, HASH("ordered_at") AS v1
FROM "raw"."orders"
WHERE (("ordered_at" >= CAST('2026-04-10 00:00:00+00:00' AS TIMESTAMPTZ) AND "ordered_at" < CAST('2026-04-11 00:00:00+00:00' AS TIMESTAMPTZ))) AND "order_id" IS NOT NULL AND HASH("order_id") % 8 = 0)
GROUP BY b, k)
GROUP BY b ORDER BY b;

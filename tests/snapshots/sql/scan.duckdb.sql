-- profile
SELECT COUNT(*), COUNT("order_id"), APPROX_COUNT_DISTINCT("order_id"), MIN("order_id"), MAX("order_id"), SUM("order_id"), SUM(CAST("order_id" AS DOUBLE) * CAST("order_id" AS DOUBLE)), COUNT("country"), APPROX_COUNT_DISTINCT("country"), MIN(LENGTH("country")), MAX(LENGTH("country")), SUM(LENGTH("country")), COUNT("amount"), APPROX_COUNT_DISTINCT("amount"), MIN("amount"), MAX("amount"), SUM("amount"), SUM(CAST("amount" AS DOUBLE) * CAST("amount" AS DOUBLE)), COUNT("weight"), APPROX_COUNT_DISTINCT("weight"), MIN("weight"), MAX("weight"), SUM(CAST("weight" AS DOUBLE)), SUM(CAST("weight" AS DOUBLE) * CAST("weight" AS DOUBLE)), COUNT("ordered_at"), APPROX_COUNT_DISTINCT("ordered_at"), COALESCE(EPOCH(MIN("ordered_at")), CASE WHEN COUNT("ordered_at") > 0 THEN CAST('-infinity' AS DOUBLE) END), COALESCE(EPOCH(MAX("ordered_at")), CASE WHEN COUNT("ordered_at") > 0 THEN CAST('infinity' AS DOUBLE) END), APPROX_COUNT_DISTINCT(CAST("ordered_at" AS DATE)), COUNT("is_gift"), APPROX_COUNT_DISTINCT("is_gift"), COUNT(CASE WHEN "is_gift" THEN 1 END), COUNT("payload"), COUNT("_dlt_load_id"), APPROX_COUNT_DISTINCT("_dlt_load_id"), MIN(LENGTH("_dlt_load_id")), MAX(LENGTH("_dlt_load_id")), SUM(LENGTH("_dlt_load_id"))
FROM "raw"."orders";

-- profile: left open
SELECT COUNT(CASE WHEN LENGTH("country") = 0 THEN 1 END), SUM(CAST(CASE WHEN ISFINITE("weight") THEN "weight" END AS DOUBLE)), COUNT(CASE WHEN ISFINITE("weight") THEN "weight" END), STDDEV_SAMP(CAST(CASE WHEN ABS("weight") < 1e150 THEN "weight" END AS DOUBLE)), COUNT(CASE WHEN ISNAN("weight") THEN 1 END), COUNT(CASE WHEN ISINF("weight") THEN 1 END), COUNT(CASE WHEN LENGTH("_dlt_load_id") = 0 THEN 1 END)
FROM "raw"."orders";

-- quantiles
SELECT QUANTILE_CONT(CAST("amount" AS DOUBLE), [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99]), QUANTILE_CONT(CAST(CASE WHEN ISFINITE("weight") THEN "weight" END AS DOUBLE), [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99]), QUANTILE_CONT(EPOCH(CASE WHEN ISFINITE("ordered_at") THEN "ordered_at" END), [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99])
FROM "raw"."orders"
WHERE HASH(rowid) % 10 = 0;

-- categories
SELECT GROUPING("country", "is_gift", "_dlt_load_id"), CAST("country" AS TEXT), CAST("is_gift" AS TEXT), CAST("_dlt_load_id" AS TEXT), COUNT(*)
FROM "raw"."orders"
GROUP BY GROUPING SETS (("country"), ("is_gift"), ("_dlt_load_id"));

-- buckets
SELECT DISTINCT CAST(EPOCH(DATE_TRUNC('DAY', MAKE_TIMESTAMP(EPOCH_US("ordered_at")))) AS BIGINT)
FROM "raw"."orders"
WHERE "ordered_at" >= CAST('2026-02-01 00:00:00+00:00' AS TIMESTAMPTZ) AND "ordered_at" < CAST('2026-05-02 00:00:00+00:00' AS TIMESTAMPTZ) ORDER BY 1;

-- regular: decimals
SELECT COUNT("amount"), COUNT(CASE WHEN "amount" <> ROUND("amount", CAST(0.0 AS INT)) THEN 1 END), COUNT(CASE WHEN "amount" <> ROUND("amount", CAST(1.0 AS INT)) THEN 1 END), COUNT(CASE WHEN ISFINITE("weight") THEN "weight" END), COUNT(CASE WHEN ABS("weight") < 1e15 AND ABS("weight" * POWER(10, 0.0) - ROUND("weight" * POWER(10, 0.0))) > 1e-4 + CASE WHEN TYPEOF("weight") = 'FLOAT' THEN 1e-6 ELSE 1e-11 END * ABS("weight" * POWER(10, 0.0)) THEN 1 END) + COUNT(CASE WHEN ABS(CAST("weight" AS DOUBLE)) >= 2.5e+10 AND ISFINITE(CAST("weight" AS DOUBLE)) THEN 1 END), COUNT(CASE WHEN ABS("weight") < 1e15 AND ABS("weight" * POWER(10, 1.0) - ROUND("weight" * POWER(10, 1.0))) > 1e-4 + CASE WHEN TYPEOF("weight") = 'FLOAT' THEN 1e-6 ELSE 1e-11 END * ABS("weight" * POWER(10, 1.0)) THEN 1 END) + COUNT(CASE WHEN ABS(CAST("weight" AS DOUBLE)) >= 2.5e+09 AND ISFINITE(CAST("weight" AS DOUBLE)) THEN 1 END), COUNT(CASE WHEN ABS("weight") < 1e15 AND ABS("weight" * POWER(10, 2.0) - ROUND("weight" * POWER(10, 2.0))) > 1e-4 + CASE WHEN TYPEOF("weight") = 'FLOAT' THEN 1e-6 ELSE 1e-11 END * ABS("weight" * POWER(10, 2.0)) THEN 1 END) + COUNT(CASE WHEN ABS(CAST("weight" AS DOUBLE)) >= 2.5e+08 AND ISFINITE(CAST("weight" AS DOUBLE)) THEN 1 END), COUNT(CASE WHEN ABS("weight") < 1e15 AND ABS("weight" * POWER(10, 3.0) - ROUND("weight" * POWER(10, 3.0))) > 1e-4 + CASE WHEN TYPEOF("weight") = 'FLOAT' THEN 1e-6 ELSE 1e-11 END * ABS("weight" * POWER(10, 3.0)) THEN 1 END) + COUNT(CASE WHEN ABS(CAST("weight" AS DOUBLE)) >= 2.5e+07 AND ISFINITE(CAST("weight" AS DOUBLE)) THEN 1 END), COUNT(CASE WHEN ABS("weight") < 1e15 AND ABS("weight" * POWER(10, 4.0) - ROUND("weight" * POWER(10, 4.0))) > 1e-4 + CASE WHEN TYPEOF("weight") = 'FLOAT' THEN 1e-6 ELSE 1e-11 END * ABS("weight" * POWER(10, 4.0)) THEN 1 END) + COUNT(CASE WHEN ABS(CAST("weight" AS DOUBLE)) >= 2.5e+06 AND ISFINITE(CAST("weight" AS DOUBLE)) THEN 1 END), COUNT(CASE WHEN ABS("weight") < 1e15 AND ABS("weight" * POWER(10, 5.0) - ROUND("weight" * POWER(10, 5.0))) > 1e-4 + CASE WHEN TYPEOF("weight") = 'FLOAT' THEN 1e-6 ELSE 1e-11 END * ABS("weight" * POWER(10, 5.0)) THEN 1 END) + COUNT(CASE WHEN ABS(CAST("weight" AS DOUBLE)) >= 250000 AND ISFINITE(CAST("weight" AS DOUBLE)) THEN 1 END), COUNT(CASE WHEN ABS("weight") < 1e15 AND ABS("weight" * POWER(10, 6.0) - ROUND("weight" * POWER(10, 6.0))) > 1e-4 + CASE WHEN TYPEOF("weight") = 'FLOAT' THEN 1e-6 ELSE 1e-11 END * ABS("weight" * POWER(10, 6.0)) THEN 1 END) + COUNT(CASE WHEN ABS(CAST("weight" AS DOUBLE)) >= 25000 AND ISFINITE(CAST("weight" AS DOUBLE)) THEN 1 END)
FROM "raw"."orders"
WHERE ("ordered_at" >= CAST('2026-02-01 00:00:00+00:00' AS TIMESTAMPTZ) AND "ordered_at" < CAST('2026-02-08 00:00:00+00:00' AS TIMESTAMPTZ));

-- relations: columns
WITH e AS MATERIALIZED (SELECT *
FROM (SELECT CAST(EPOCH(DATE_TRUNC('DAY', MAKE_TIMESTAMP(EPOCH_US("ordered_at")))) AS BIGINT) AS b, "country" AS c0, "amount" AS c1, "weight" AS c2, "is_gift" AS c3
FROM "raw"."orders"
WHERE "ordered_at" >= CAST('2026-02-01 00:00:00+00:00' AS TIMESTAMPTZ) AND "ordered_at" < CAST('2026-02-08 00:00:00+00:00' AS TIMESTAMPTZ)) AS r
WHERE b IN (1769904000, 1769990400, 1770076800, 1770163200, 1770249600, 1770336000, 1770422400)) SELECT 0, COUNT(DISTINCT x), SUM(n), SUM(n) FILTER (x IS NOT NULL), SUM(n) FILTER (x IS NOT NULL AND b >= 1769990400), SUM(n) FILTER (x IS NOT NULL AND b > since), SUM(n) FILTER (x IS NOT NULL AND b >= 1770249600), SUM(n) FILTER (x IS NOT NULL AND b >= 1770249600 AND since = b)
FROM (SELECT *, MIN(b) OVER (PARTITION BY x) AS since
FROM (SELECT b, c0 AS x, COUNT(*) AS n
FROM e
GROUP BY 1, 2)) UNION ALL SELECT 1, COUNT(DISTINCT x), SUM(n), SUM(n) FILTER (x IS NOT NULL), SUM(n) FILTER (x IS NOT NULL AND b >= 1769990400), SUM(n) FILTER (x IS NOT NULL AND b > since), SUM(n) FILTER (x IS NOT NULL AND b >= 1770249600), SUM(n) FILTER (x IS NOT NULL AND b >= 1770249600 AND since = b)
FROM (SELECT *, MIN(b) OVER (PARTITION BY x) AS since
FROM (SELECT b, c1 AS x, COUNT(*) AS n
FROM e
GROUP BY 1, 2)) UNION ALL SELECT 2, COUNT(DISTINCT x), SUM(n), SUM(n) FILTER (x IS NOT NULL), SUM(n) FILTER (x IS NOT NULL AND b >= 1769990400), SUM(n) FILTER (x IS NOT NULL AND b > since), SUM(n) FILTER (x IS NOT NULL AND b >= 1770249600), SUM(n) FILTER (x IS NOT NULL AND b >= 1770249600 AND since = b)
FROM (SELECT *, MIN(b) OVER (PARTITION BY x) AS since
FROM (SELECT b, c2 AS x, COUNT(*) AS n
FROM e
GROUP BY 1, 2)) UNION ALL SELECT 3, COUNT(DISTINCT x), SUM(n), SUM(n) FILTER (x IS NOT NULL), SUM(n) FILTER (x IS NOT NULL AND b >= 1769990400), SUM(n) FILTER (x IS NOT NULL AND b > since), SUM(n) FILTER (x IS NOT NULL AND b >= 1770249600), SUM(n) FILTER (x IS NOT NULL AND b >= 1770249600 AND since = b)
FROM (SELECT *, MIN(b) OVER (PARTITION BY x) AS since
FROM (SELECT b, c3 AS x, COUNT(*) AS n
FROM e
GROUP BY 1, 2));

-- relations: pairs
WITH e AS MATERIALIZED (SELECT *
FROM (SELECT CAST(EPOCH(DATE_TRUNC('DAY', MAKE_TIMESTAMP(EPOCH_US("ordered_at")))) AS BIGINT) AS b, "country" AS c0, "is_gift" AS c1
FROM "raw"."orders"
WHERE "ordered_at" >= CAST('2026-02-01 00:00:00+00:00' AS TIMESTAMPTZ) AND "ordered_at" < CAST('2026-02-08 00:00:00+00:00' AS TIMESTAMPTZ)) AS r
WHERE b IN (1769904000, 1769990400, 1770076800, 1770163200, 1770249600, 1770336000, 1770422400)), cells0 AS (SELECT b, c0 AS k, c1 AS v, COUNT(*) AS n
FROM e
WHERE c0 IS NOT NULL AND c1 IS NOT NULL
GROUP BY 1, 2, 3), values0 AS (SELECT v, SUM(n) / SUM(SUM(n)) OVER () AS share
FROM cells0
GROUP BY 1), keys0 AS (SELECT k, SUM(share) AS seen
FROM (SELECT k, v
FROM cells0
GROUP BY 1, 2) JOIN values0 USING (v)
GROUP BY 1) SELECT 0, SUM(n) FILTER (b >= 1770249600 AND since < b), SUM(n) FILTER (b >= 1770249600 AND since < b AND both_since = b), 1 - SUM(n * seen) / SUM(n)
FROM (SELECT *, MIN(b) OVER (PARTITION BY k) AS since, MIN(b) OVER (PARTITION BY k, v) AS both_since
FROM cells0) JOIN keys0 USING (k);

-- sequences: columns
SELECT b, COUNT(*), COUNT(v0), COUNT(DISTINCT v0), QUANTILE_CONT(v0, 0.02), QUANTILE_CONT(v0, 0.98), COUNT(v1), COUNT(DISTINCT v1), QUANTILE_CONT(v1, 0.02), QUANTILE_CONT(v1, 0.98), COUNT(v2), COUNT(DISTINCT v2), QUANTILE_CONT(v2, 0.02), QUANTILE_CONT(v2, 0.98), COUNT(DISTINCT k0), COUNT(DISTINCT k1), COUNT(DISTINCT k2)
FROM (SELECT CAST(EPOCH(DATE_TRUNC('DAY', MAKE_TIMESTAMP(EPOCH_US("ordered_at")))) AS BIGINT) AS b, CAST("order_id" AS DOUBLE) AS v0, TRY_CAST(REGEXP_EXTRACT("country", '([0-9]{1,15})[^0-9]*$', 1) AS DOUBLE) AS v1, EPOCH("ordered_at") AS v2, "order_id" AS k0, "country" AS k1, "is_gift" AS k2
FROM "raw"."orders"
WHERE (("ordered_at" >= CAST('2026-02-01 00:00:00+00:00' AS TIMESTAMPTZ) AND "ordered_at" < CAST('2026-02-08 00:00:00+00:00' AS TIMESTAMPTZ))))
GROUP BY b ORDER BY b;

-- sequences: first buckets
SELECT COUNT(*), COUNT(DISTINCT (b, k)), COUNT(*) FILTER (d > 0), MAX(s), COUNT(*) FILTER (d > 0.2 * s AND ABS(d / s - ROUND(d / s)) <= 0.2), SUM(GREATEST(ROUND(d / s), 1)) FILTER (d > 0)
FROM (SELECT *, 1.0 AS s
FROM (SELECT b, k, v - LAG(v) OVER (PARTITION BY b, k ORDER BY v) AS d
FROM (SELECT CAST(EPOCH(DATE_TRUNC('DAY', MAKE_TIMESTAMP(EPOCH_US("ordered_at")))) AS BIGINT) AS b, 0 AS k, CAST("order_id" AS DOUBLE) AS v
FROM "raw"."orders"
WHERE (("ordered_at" >= CAST('2026-02-01 00:00:00+00:00' AS TIMESTAMPTZ) AND "ordered_at" < CAST('2026-02-02 00:00:00+00:00' AS TIMESTAMPTZ))) AND CAST("order_id" AS DOUBLE) IS NOT NULL)));

-- sequences: first buckets
SELECT COUNT(*), COUNT(DISTINCT (b, k)), COUNT(*) FILTER (d > 0), MAX(s), COUNT(*) FILTER (d > 0.2 * s AND ABS(d / s - ROUND(d / s)) <= 0.2), SUM(GREATEST(ROUND(d / s), 1)) FILTER (d > 0)
FROM (SELECT *, 1.0 AS s
FROM (SELECT b, k, v - LAG(v) OVER (PARTITION BY b, k ORDER BY v) AS d
FROM (SELECT CAST(EPOCH(DATE_TRUNC('DAY', MAKE_TIMESTAMP(EPOCH_US("ordered_at")))) AS BIGINT) AS b, 0 AS k, CAST("order_id" AS DOUBLE) AS v
FROM "raw"."orders"
WHERE (("ordered_at" >= CAST('2026-02-01 00:00:00+00:00' AS TIMESTAMPTZ) AND "ordered_at" < CAST('2026-02-08 00:00:00+00:00' AS TIMESTAMPTZ))) AND CAST("order_id" AS DOUBLE) IS NOT NULL)));

-- contents
SELECT CAST(EPOCH(DATE_TRUNC('DAY', MAKE_TIMESTAMP(EPOCH_US("ordered_at")))) AS BIGINT), CAST(SUM(CAST(HASH("order_id", "country", "amount", "weight", "ordered_at", "is_gift") AS HUGEINT)) % 9223372036854775783 AS BIGINT)
FROM "raw"."orders"
WHERE "ordered_at" >= CAST('2026-02-01 00:00:00+00:00' AS TIMESTAMPTZ) AND "ordered_at" < CAST('2026-05-02 00:00:00+00:00' AS TIMESTAMPTZ)
GROUP BY 1 ORDER BY 1;

-- history
SELECT CAST(EPOCH(DATE_TRUNC('DAY', MAKE_TIMESTAMP(EPOCH_US("ordered_at")))) AS BIGINT), COUNT(*), EPOCH(MAX(CASE WHEN ISFINITE("ordered_at") THEN "ordered_at" END)), EPOCH(MIN(CASE WHEN ISFINITE("ordered_at") THEN "ordered_at" END)), COUNT(CASE WHEN MINUTE("ordered_at") <> 0 THEN 1 END), APPROX_COUNT_DISTINCT("order_id"), APPROX_COUNT_DISTINCT("country"), CAST(SUM("amount") AS DOUBLE) / NULLIF(COUNT("amount"), 0), STDDEV_SAMP(CAST("amount" AS DOUBLE)), CAST(SUM("amount") AS DOUBLE),
  COUNT(*) - COUNT("weight"), CAST(SUM(CAST(CASE WHEN ISFINITE("weight") THEN "weight" END AS DOUBLE)) AS DOUBLE) / NULLIF(COUNT(CASE WHEN ISFINITE("weight") THEN "weight" END), 0), STDDEV_SAMP(CAST(CASE WHEN ABS("weight") < 1e150 THEN "weight" END AS DOUBLE)), CAST(SUM(CAST(CASE WHEN ISFINITE("weight") THEN "weight" END AS DOUBLE)) AS DOUBLE), COUNT(CASE WHEN "is_gift" THEN 1 END), CAST(MIN(LENGTH("country")) AS DOUBLE), CAST(MAX(LENGTH("country")) AS DOUBLE), CAST(SUM(LENGTH("country")) AS DOUBLE) / NULLIF(COUNT("country"), 0), CAST(SUM(LENGTH("country") - LENGTH(TRANSLATE("country", '0123456789', ''))) AS DOUBLE) / NULLIF(COUNT("country"), 0), COUNT(CASE WHEN "country" = UPPER("country") AND "country" <> LOWER("country") THEN 1 END), COUNT(CASE WHEN "country" = LOWER("country") AND "country" <> UPPER("country") THEN 1 END), COUNT(CASE WHEN "country" <> TRIM("country") THEN 1 END), COUNT(CASE WHEN STRLEN("country") <> LENGTH("country") THEN 1 END), COUNT(CASE WHEN LENGTH("country") = 0 THEN 1 END), COUNT(CASE WHEN LOWER("country") IN ('n/a', 'na', 'null', 'none', 'nan', '-', '?', 'unknown', 'tbd') THEN 1 END), CAST(MIN("amount") AS DOUBLE), CAST(MAX("amount") AS DOUBLE), COUNT(CASE WHEN "amount" = 0 THEN 1 END), COUNT(CASE WHEN "amount" < 0 THEN 1 END), COUNT(CASE WHEN "amount" = FLOOR("amount") THEN 1 END), CAST(MIN(CASE WHEN ISFINITE("weight") THEN "weight" END) AS DOUBLE), CAST(MAX(CASE WHEN ISFINITE("weight") THEN "weight" END) AS DOUBLE), COUNT(CASE WHEN "weight" = 0 THEN 1 END), COUNT(CASE WHEN "weight" < 0 THEN 1 END), COUNT(CASE WHEN "weight" = FLOOR("weight") THEN 1 END), COUNT(CASE WHEN ABS("weight") < 1e15 AND ABS("weight" * POWER(10, 2.0) - ROUND("weight" * POWER(10, 2.0))) > 1e-4 + CASE WHEN TYPEOF("weight") = 'FLOAT' THEN 1e-6 ELSE 1e-11 END * ABS("weight" * POWER(10, 2.0)) THEN 1 END)
FROM "raw"."orders"
WHERE ("ordered_at" >= CAST('2026-02-01 00:00:00+00:00' AS TIMESTAMPTZ) AND "ordered_at" < CAST('2026-05-02 00:00:00+00:00' AS TIMESTAMPTZ))
GROUP BY 1 ORDER BY 1;

-- history by segment
SELECT b, GROUPING(s0, s1), CAST(s0 AS TEXT), CAST(s1 AS TEXT), CAST(SUM(n) AS BIGINT), SUM(v0) / NULLIF(SUM(c0), 0), SUM(v1) / NULLIF(SUM(c1), 0)
FROM (SELECT CAST(EPOCH(DATE_TRUNC('DAY', MAKE_TIMESTAMP(EPOCH_US("ordered_at")))) AS BIGINT) AS b, "country" AS s0, "is_gift" AS s1, COUNT(*) AS n, CAST(SUM("amount") AS DOUBLE) AS v0, COUNT("amount") AS c0, CAST(SUM(CAST(CASE WHEN ISFINITE("weight") THEN "weight" END AS DOUBLE)) AS DOUBLE) AS v1, COUNT(CASE WHEN ISFINITE("weight") THEN "weight" END) AS c1
FROM "raw"."orders"
WHERE ("ordered_at" >= CAST('2026-02-01 00:00:00+00:00' AS TIMESTAMPTZ) AND "ordered_at" < CAST('2026-05-02 00:00:00+00:00' AS TIMESTAMPTZ))
GROUP BY 1, 2, 3) AS cells
GROUP BY GROUPING SETS ((b, s0), (b, s1));

-- sequences
SELECT b, CAST(SUM(GREATEST(ROUND(d / 1.0), 1)) AS BIGINT), CAST(SUM(GREATEST(ROUND(d / 1.0), 1) - 1) AS BIGINT), COUNT(*), COUNT(*) FILTER (GREATEST(ROUND(d / 1.0), 1) > 1)
FROM (SELECT b, k, v - LAG(v) OVER (PARTITION BY b, k ORDER BY v) AS d
FROM (SELECT CAST(EPOCH(DATE_TRUNC('DAY', MAKE_TIMESTAMP(EPOCH_US("ordered_at")))) AS BIGINT) AS b, 0 AS k, CAST("order_id" AS DOUBLE) AS v
FROM "raw"."orders"
WHERE (("ordered_at" >= CAST('2026-02-01 00:00:00+00:00' AS TIMESTAMPTZ) AND "ordered_at" < CAST('2026-02-04 00:00:00+00:00' AS TIMESTAMPTZ))) AND CAST("order_id" AS DOUBLE) IS NOT NULL))
WHERE d > 0
GROUP BY b ORDER BY b;

-- rows again
SELECT CAST(EPOCH(DATE_TRUNC('DAY', MAKE_TIMESTAMP(EPOCH_US("ordered_at")))) AS BIGINT), MIN(HASH(HASH("country", "amount", "weight", "is_gift"), "order_id"), 256), MIN(HASH("country", "amount", "weight", "is_gift"), 256)
FROM "raw"."orders"
WHERE ("ordered_at" >= CAST('2026-02-01 00:00:00+00:00' AS TIMESTAMPTZ) AND "ordered_at" < CAST('2026-02-04 00:00:00+00:00' AS TIMESTAMPTZ))
GROUP BY 1;

-- duplicates
SELECT b, l, CAST(SUM(n - 1) AS BIGINT)
FROM (SELECT CAST(EPOCH(DATE_TRUNC('DAY', MAKE_TIMESTAMP(EPOCH_US("ordered_at")))) AS BIGINT) AS b, HASH("order_id", "country", "amount", "weight", "ordered_at", "is_gift", "payload") AS h, CAST(MAX("_dlt_load_id") AS TEXT) AS l, COUNT(*) AS n
FROM "raw"."orders"
WHERE "ordered_at" >= CAST('2026-04-24 00:00:00+00:00' AS TIMESTAMPTZ) AND "ordered_at" < CAST('2026-05-02 00:00:00+00:00' AS TIMESTAMPTZ)
GROUP BY 1, 2 HAVING COUNT(*) > 1) AS copies
GROUP BY 1, 2;

s/^Consumer C[123]: processing/Consumer ?: processing/

/**
 * The package that stories layer on an image: one program, one unit, no dependency and no script. It is an RPM made by rpmbuild of
 * `test/golden/bootgate-layered.spec`, kept as text (gzip, base64), so that a host needs no program to make it and each guest gets
 * the same bytes.
 */

export const layeredPackage = {
  name: "bootgate-layered",
  nevra: "bootgate-layered-1.0-1.noarch",
  /** What it has, as an image that brings the same would have it. */
  files: {
    "/usr/bin/bootgate-layered": {
      text: "#!/bin/sh\necho bootgate-layered 1.0\n",
      isExecutable: true,
    },
    "/usr/lib/systemd/system/bootgate-layered.service":
      "[Unit]\nDescription=A unit of a layered package\n\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/usr/bin/bootgate-layered\n\n[Install]\nWantedBy=multi-user.target\n",
    "/usr/share/bootgate-layered/version": "1.0\n",
  },
  program: "/usr/bin/bootgate-layered",
  unit: "bootgate-layered.service",
  says: "bootgate-layered 1.0",
} as const;

/** `base64 --decode | gzip --decompress` makes the RPM of it. */
export const layeredPackageText = `${[
  "H4sIAAAAAAACA+2Ye2wURRzH53qnUAVbpaZAQNYosQTuuo/Zx0QEK4LUBxQVBQLozO5su/F6d+xukUJAII2K4hNQfGssPgL4JCgJiqgRI4g1QU",
  "TFF0IDChSRoMZHnbv9FbRgov/fL5mb/cz39/vdb/dm9pLfgZUHv4gjYTGWzYb1NOTJNG3mPneSSkpOKuj/WAyd0n3p7tV7Y3DZA6HyNWIeAdet",
  "Yi4XQb3FfOqxDCh2JvCQiON7xZwQIw28P4pHuSg+3gH6fNAPgd4iZMmiMqVYIZrDmKqoRKWW41imTFTOLVMsccwt5lCkENO2ZWqr3KGuQiyL6j",
  "JWZdNwmazqlsNkw5YxcU3FNA3TJprOiEJd2bQs2dQsp1B+6eDz2q6ePKDsrQkPPb9y1blT3DJRz3JUtKIVrWhFK1rRila0ohWtaEUrWtGKBj2R",
  "zs7Oe1Ghp/GPvomGUGKFmEeiQl8jsQx88i2HnuDT1SfJ901KgPcB9wH+HrgSHe+jlIrRD/gA8Djggyjqq9wO3AHxi4F/BH058FHQHwX+BfI9C/",
  "wH6K8C/wm8LuJEAvK9Fc2JvJZvTbUBlwLvAD4N/L8BPh2exyHgXhHH1gD3jubY68BloL8PXA68E7giqi92COo7O1ovKQe9MvIvkUDvCzqO6kz0",
  "A/1i4P7A9wBXRflLVkD8ZRC/CvKPBV4PXAvxW4Angd4G8ZNB3wY8FfSu+5kG+n7g6RHHq4FZVE98DsQ7wAuBOfBtwC4w7IdEGvhu4DDKG2+F/E",
  "3AXb/HTPj+d6Pn0WcJrCei+D7vRfkSPYF3R/6JM4D3gH8d8D7Qr83zKNS9n4mUlIwUVCPlqH0TredS2EBDKQizvscDKetKXQFSIUDKZiSakbxG",
  "4YpqQ6mBCqcMl3J+tt6njUJzCtyU8cJhBaLBTYHkZn0pkw0bvEx9Kn8wvYnrjlUCZ/XDGlFBA0+qop6JmSDHbc/1RH1pL9M0C2Wy1Lcb8n7ni7",
  "ECYhILDixorRGj64WRz/v3oRCqEi4rqqtbsk0dQ8GUqbaqEe7KqmNgh6guZ7KBbZUpRHMpthWi6golpmJaDCkcU0uhuqYTEzPZNgxqmgqWDUNT",
  "VEYpdkzBsq6ZROcyIdjgrmJh7BLHlbEpNosuEnHTtrCsCEdREOacMp2ZhJquRTDFxDI4dV2iOTLmts4U1SZUsYirE8zck74YffHs/svHybvXqc",
  "C3U36uEaHObnbC7og20WldQwSlPVY1KtuY83kQcGeMl+bjaCMPhiDQ8iuXevU8CI+v1dHmdJYWnIOxdCav87nrzRqCtJScwkkF4ZRR6Kpj+FQs",
  "sQmirz5hlMD7LgGPome3hvwxnxPupftCKuD+TM/mJ56JmdwPvGwGVTcFfjXzMtXRlbiV6qA5CHmjAzMIQQP1+T+uu6esRsnxqpSsR3bOy6L62V",
  "4OEdjUSYczj2aS0Ub/V+u6r1jd+GtqJ0lBA0+npcD2vZw4aDXXjKqtlUI+K5T4LG43hZSlOTq+ihzP57Y41M3RM2sK3aSFTMeSHYeYLqEuZWKH",
  "YtNmhFvcobIjdr+DmS6b2KIuZo6GTaEzSgRy5jDOcJRL0zRODMPUmKkUjonqUrG1dcNUiCJOgjhN2GW64ljMslRdHB3DUIlpEVthroYLWUZGf/",
  "S/51/a5YPujP6/S+KPLfkou1Cu2ER+fnH+/mEVLaRswNT2jc4FTZ9tzFUdWuq23X+U7t5wwyfrFu97JfP1qBtueaP9p3lLx+1tufXIqiVzez7V",
  "+trZX41fcv4T0x+YcOXqivYHHxoUTjmFVNakBh/s+/Zz7kVVVQOfvrAjbB1aMnrwlx3X72x7tmXenru2rh+29ju+aGCH1f/w9uFl4YtnPnz4ne",
  "nf/tZ/2+OV36SnJzYtHr4gVZG974r7tu7cun+d/4P681mXb77DXBu/xFj5qj1m+9zTn694cugip7T3d2zt6Lqf4pvW9LiqvUfVde9XPDPS/Xj9",
  "a+X9J0+r372stOXwy+MfeWHMiO97PZVdf/P8d3fPvnfTjzNuX/1DZuVLA9onXH/lxrs+KJu0a8MnS6ccvXHpjpcSc+o+37ZlxguzD3x6477OI7",
  "+a2zd/tqv5zSPDO36p/CrWa+o5i5bHEfoLyrvtub0aAAA=",
].join("\n")}\n`;
